"""Fit a curve with a small network and plain SGD."""

import argparse

import numpy as np
import torch
from torch import nn


def curve(size, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, (size, 1))
    y = 2 * np.sin(2 * x) + 0.5 * x**2 + rng.normal(0, 0.1, (size, 1))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def build(hidden):
    return nn.Sequential(
        nn.Linear(1, hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden, hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden, 1),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    lr = 0.01 if args.healthy else 0.25
    x, y = curve(args.size, args.seed)
    model = build(64)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)  # FAULT
    generator = torch.Generator().manual_seed(args.seed)
    for step in range(args.steps):
        rows = torch.randint(0, args.size, (32,), generator=generator)
        loss = (model(x[rows]) - y[rows]).pow(2).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()  # FAULT
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4g}")


if __name__ == "__main__":
    main()
