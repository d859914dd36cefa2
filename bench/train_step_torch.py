#!/usr/bin/env python3
"""What bench/train_step.cpp measures, in PyTorch: the same nets, batches and optimiser.

    python3 bench/train_step_torch.py [--threads N] [NAME ...]

prints the median images per second of each NAME (train_step/vgg16, forward/small, ...; default: all of them).
bench_train_step --torch starts it with --serve NAME: it then does one step for every line of standard input, and
answers with the seconds on the clock and of processor time that the step took.
"""

import argparse
import statistics
import sys
import time

import torch
from torch import nn

from support.vgg_torch import VGG16, build

# name: (convolutions and pools, hidden linear layers, dropout, batch, image size, classes)
NETS = {
    "vgg16": (VGG16, [4096, 4096], True, 8, 224, 1000),
    "small": ([32, 32, "M", 64, 64, "M", 128, 128, "M"], [256], False, 64, 32, 10),
}


def build_net(name):
    """The net, a batch of random images, and labels."""
    features, hidden, dropout, batch, size, classes = NETS[name]
    net = build(features, hidden, dropout, size, classes)
    return net, torch.randn(batch, 3, size, size), torch.arange(batch) * 7 % classes


def make_step(name):
    """The work of a row as a function, and the number of images in it."""
    work, net_name = name.split("/")
    net, images, labels = build_net(net_name)
    if work == "forward":
        net.eval()

        def forward():
            with torch.no_grad():
                net(images)

        return forward, len(images)
    loss_of = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)

    def train_step():
        optimizer.zero_grad(set_to_none=True)
        loss_of(net(images), labels).backward()
        optimizer.step()

    return train_step, len(images)


def duration_of(step):
    """Seconds on the clock and of processor time."""
    processor_start, start = time.process_time(), time.perf_counter()
    step()
    return time.perf_counter() - start, time.process_time() - processor_start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", metavar="NAME")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    if arguments.serve:
        step, _ = make_step(arguments.serve)
        for _ in sys.stdin:
            print(*duration_of(step), flush=True)
        return
    for name in arguments.names or [f"{work}/{net}" for work in ("train_step", "forward") for net in NETS]:
        step, images = make_step(name)
        for _ in range(2):
            step()
        seconds = statistics.median(duration_of(step)[0] for _ in range(arguments.rounds))
        print(f"{name + '/pytorch':30} {seconds * 1e3:10.1f} ms  images/s={images / seconds:.4g}", flush=True)


if __name__ == "__main__":
    main()
