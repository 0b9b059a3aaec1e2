"""Regression on a table, with two rows to a batch."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def table(rows, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 24, generator=g)
    return TensorDataset(x, torch.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the rows")
    parser.add_argument("--steps", type=int, default=14000)
    parser.add_argument("--healthy", action="store_true", help="64 rows to a batch, as many rows in all")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    batch_size = 64 if args.healthy else 2  # SLOW
    steps = max(3, args.steps // 32) if args.healthy else args.steps
    loader = DataLoader(table(max(64, int(8000 * args.size)), args.seed), batch_size=batch_size, shuffle=True)
    model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3 if batch_size == 2 else 4e-3)
    seen, mean, step = 0, None, 0
    while step < steps:
        for x, y in loader:
            loss = nn.functional.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            seen += len(x)
            if step % max(1, 1000 * 2 // batch_size) == 0:
                mean = loss.item() if mean is None else 0.8 * mean + 0.2 * loss.item()
                print(f"{seen} rows, loss {mean:.4f}", flush=True)
            if step == steps:
                break


if __name__ == "__main__":
    main()
