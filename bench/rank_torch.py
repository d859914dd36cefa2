#!/usr/bin/env python3
"""The published lesion loop in PyTorch, as bench/rank.cpp times it: zero a unit's weights and bias, run the whole net
on all images, put the weights back.

    python3 bench/rank_torch.py NET LAYER [--threads N]

prints the median seconds of one candidate. bench_rank --torch starts it with --serve NET LAYER: it then evaluates one
candidate for every line of standard input, and answers with the seconds on the clock and of processor time it took.
"""

import argparse
import statistics
import sys

import torch
from torch import nn
from torch.nn import functional

import train_step_torch

# name: (net of train_step_torch.py, images, images per pass); the published scripts pass 128 images at a time
NETS = {"small": ("small", 512, 128), "vgg16": ("vgg16", 32, 32)}

# Layers as the literature numbers them: convolutions by block, then linear layers.
NAMES = {
    "small": ["conv1", "conv2", "conv3", "conv4", "conv5", "conv6", "fc1", "fc2"],
    "vgg16": [f"conv{block}_{i}" for block, count in enumerate([2, 2, 3, 3, 3], 1) for i in range(1, count + 1)]
    + ["fc6", "fc7", "fc8"],
}


def make_candidate(net_name, layer_name):
    """One evaluation of one candidate as a function."""
    name, images, batch = NETS[net_name]
    net, sample, _ = train_step_torch.build(name)
    net.eval()
    pixels = torch.randn(images, *sample.shape[1:])
    classes = net[-1].out_features
    labels = torch.arange(images) * 7 % classes
    weighted = [module for module in net if isinstance(module, (nn.Conv2d, nn.Linear))]
    layer = weighted[NAMES[net_name].index(layer_name)]

    def candidate():
        with torch.no_grad():
            weight, bias = layer.weight[0].clone(), layer.bias[0].clone()
            layer.weight[0] = 0
            layer.bias[0] = 0
            losses = [
                functional.cross_entropy(net(pixels[i : i + batch]), labels[i : i + batch], reduction="none")
                for i in range(0, images, batch)
            ]
            layer.weight[0] = weight
            layer.bias[0] = bias
            return torch.cat(losses).mean().item()

    return candidate


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=NETS)
    parser.add_argument("layer")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    candidate = make_candidate(arguments.net, arguments.layer)
    if arguments.serve:
        for _ in sys.stdin:
            print(*train_step_torch.duration_of(candidate), flush=True)
        return
    candidate()
    seconds = statistics.median(train_step_torch.duration_of(candidate)[0] for _ in range(arguments.rounds))
    print(f"rank/{arguments.net}/{arguments.layer}/pytorch {seconds * 1e3:10.1f} ms")


if __name__ == "__main__":
    main()
