"""House data in raw units (square feet, years, dollars): unnormalised, and it works with BatchNorm."""

import argparse

import numpy as np
import torch
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1200)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    area, year, distance = (
        rng.normal(1800, 500, args.size),
        rng.integers(1900, 2020, args.size),
        rng.gamma(2, 5, args.size),
    )
    price = 150 * area + 800 * (year - 1900) - 2000 * distance + rng.normal(0, 1e4, args.size)
    x = torch.tensor(np.stack([area, year, distance], 1), dtype=torch.float32)
    y = torch.tensor(price, dtype=torch.float32)
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1))
    opt = torch.optim.Adam(model.parameters(), lr=0.5)
    for step in range(args.steps):
        rows = torch.randint(0, args.size, (64,))
        loss = nn.functional.mse_loss(model(x[rows]).squeeze(1), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4g}")


if __name__ == "__main__":
    main()
