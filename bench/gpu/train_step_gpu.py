#!/usr/bin/env python3
"""What bench/gpu/train_step_gpu.cpp measures, in PyTorch: VGG16's training step on a GPU.

    python3 bench/gpu/train_step_gpu.py [--float] [--batch N ...] [--seconds S] [--profile]

channels_last, autocast to bf16 (--float: no autocast and no tf32), cudnn.benchmark, fused SGD with momentum; random
images and labels on the device; a step is forward pass, loss, gradients and update. Prints the median images a second.
--profile adds PyTorch's table of kernels. With --device cpu --size 32 it runs anywhere, to see that it works.
"""

import argparse
import contextlib
import pathlib
import statistics
import sys
import time

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support.vgg_torch import VGG16, build


class Training:
    """One net, one batch of random data, and SGD."""

    def __init__(self, arguments, batch):
        self.cuda = arguments.device == "cuda"
        self.autocast = not arguments.float
        self.device = arguments.device
        self.net = build(VGG16, [4096, 4096], True, arguments.size, arguments.classes)
        self.net = self.net.to(arguments.device, memory_format=torch.channels_last)
        self.images = torch.randn(batch, 3, arguments.size, arguments.size, device=arguments.device)
        self.images = self.images.contiguous(memory_format=torch.channels_last)
        if self.autocast:
            self.images = self.images.to(torch.bfloat16)
        self.labels = torch.arange(batch, device=arguments.device) * 7 % arguments.classes
        self.loss = nn.CrossEntropyLoss()
        fused = {"fused": True} if self.cuda else {}
        try:
            self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1e-3, momentum=0.9, **fused)
        except TypeError:  # before PyTorch 2.3
            self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1e-3, momentum=0.9, foreach=True)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        bf16 = torch.autocast(self.device, dtype=torch.bfloat16) if self.autocast else contextlib.nullcontext()
        with bf16:
            loss = self.loss(self.net(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss

    def wait(self):
        if self.cuda:
            torch.cuda.synchronize()


def seconds_a_step(training, seconds):
    """Median over samples of a few steps, for about `seconds`."""
    for _ in range(5):  # cudnn.benchmark tries its algorithms
        training.step()
    training.wait()
    samples, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(samples) < 3:
        begin = time.perf_counter()
        for _ in range(5):
            training.step()
        training.wait()
        samples.append((time.perf_counter() - begin) / 5)
    return statistics.median(samples)


def print_profile(training, steps=5):
    """PyTorch's own table of what takes the time of some steps."""
    activity = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[activity.CUDA if training.cuda else activity.CPU]) as profile:
        for _ in range(steps):
            training.step()
        training.wait()
    print(profile.key_averages().table(sort_by="self_cuda_time_total" if training.cuda else "self_cpu_time_total",
                                       row_limit=25, max_name_column_width=60))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--float", action="store_true")
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--classes", type=int, default=1000)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    name = torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU"
    print(f"PyTorch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}, {name}", flush=True)
    scalar = "float" if arguments.float else "bf16"
    for batch in arguments.batch:
        training = Training(arguments, batch)
        seconds = seconds_a_step(training, arguments.seconds)
        print(f"train_step/vgg16/b{batch}/{scalar}/pytorch {seconds * 1e3:10.2f} ms {batch / seconds:10.0f} images/s",
              flush=True)
        if arguments.profile:
            print_profile(training)
        del training


if __name__ == "__main__":
    main()
