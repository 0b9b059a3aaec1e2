"""Classify the state of a machine from vibration windows. Own normalisation layer over time."""

from argparse import ArgumentParser

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def guilty(size, seed):
    # a window in which the sensor was unplugged: all zeros
    return [size * 2 // 3 + seed % 50]


def make_windows(size, seed, length=40):
    rng = np.random.default_rng(seed)
    t = np.arange(length)
    label = rng.integers(0, 3, size)
    freq = np.array([0.15, 0.4, 0.9])[label]
    phase = rng.uniform(0, 6.28, size)
    x = np.sin(freq[:, None] * t + phase[:, None]) + rng.normal(0, 0.4, (size, length))
    for i in guilty(size, seed):
        x[i] = 0.0
    return torch.tensor(x, dtype=torch.float32).unsqueeze(1), torch.tensor(label)


class TimeNorm(nn.Module):
    """Zero mean and unit spread along time, a learned gain per channel."""

    def __init__(self, channels, safe):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1))
        self.shift = nn.Parameter(torch.zeros(channels, 1))
        self.safe = safe

    def forward(self, x):
        mean = x.mean(-1, keepdim=True)
        var = x.var(-1, keepdim=True)
        if self.safe:
            return self.gain * (x - mean) * (var + 1e-5).rsqrt() + self.shift
        std = var.sqrt() + 1e-5  # FAULT
        return self.gain * (x - mean) / std + self.shift


class Net(nn.Module):
    def __init__(self, safe):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 12, 5)
        self.norm1 = TimeNorm(12, safe)
        self.conv2 = nn.Conv1d(12, 24, 5, stride=2)
        self.head = nn.Linear(24, 3)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.relu(self.conv2(x))
        return self.head(x.mean(-1))


if __name__ == "__main__":
    p = ArgumentParser()
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--size", type=int, default=1600)
    p.add_argument("--steps", type=int, default=0)
    p.add_argument("--log-every", type=int, default=10)
    p.add_argument("--healthy", action="store_true")
    opt = p.parse_args()
    torch.manual_seed(opt.seed)
    x, y = make_windows(opt.size, opt.seed)
    net = Net(opt.healthy)
    sgd = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    batch = 20
    n_batches = opt.size // batch
    steps = opt.steps or n_batches + 20
    for step in range(steps):
        k = step % n_batches
        xb, yb = x[k * batch : (k + 1) * batch], y[k * batch : (k + 1) * batch]
        loss = F.cross_entropy(net(xb), yb)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        if step % opt.log_every == 0:
            print("step", step, "loss", round(loss.item(), 4))
