"""Weighted regression: each measurement has a weight, and the mean is over weights."""

import argparse

import numpy as np
import torch


def guilty(size, seed):
    """A run of measurements that quality control has set to weight 0."""
    first = size // 2 // 20 * 20 + 20 * (seed % 5)
    return list(range(first, first + 20))


def measurements(size, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, (size, 3))
    y = np.sin(x[:, 0]) * x[:, 1] + 0.5 * x[:, 2] + rng.normal(0, 0.1, size)
    weight = rng.choice([0.0, 0.5, 1.0], size, p=[0.2, 0.3, 0.5])
    weight[guilty(size, seed)] = 0.0
    return [torch.tensor(a, dtype=torch.float32) for a in (x, y, weight)]


def weighted_mse(prediction, y, weight, floor=0.0):
    squared = weight * (prediction - y) ** 2
    total = weight.sum().clamp_min(floor)
    return squared.sum() / total  # FAULT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    x, y, weight = measurements(args.size, args.seed)
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 64),
        torch.nn.Tanh(),
        torch.nn.Linear(64, 64),
        torch.nn.Tanh(),
        torch.nn.Linear(64, 1),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200)
    batches = args.size // 20
    for step in range(args.steps or batches):
        rows = slice(step % batches * 20, step % batches * 20 + 20)
        prediction = net(x[rows]).squeeze(-1)
        loss = weighted_mse(prediction, y[rows], weight[rows], floor=1e-3 if args.healthy else 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % args.log_every == 0:
            print(f"step {step}, loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
