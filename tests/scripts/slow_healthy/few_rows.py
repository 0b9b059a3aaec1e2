"""A thousand rows, all of them in each step: full-batch training for many epochs, in memory."""

import argparse

import torch
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the rows")
    parser.add_argument("--steps", "--epochs", type=int, default=250)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rows = max(64, int(1000 * args.size))
    x = torch.rand(rows, 8) * 2 - 1
    y = torch.sin(4 * x[:, :1]) * x[:, 1:2] + x[:, 2:3].abs()
    model = nn.Sequential(
        nn.Linear(8, 384),
        nn.Tanh(),
        nn.Linear(384, 384),
        nn.Tanh(),
        nn.Linear(384, 384),
        nn.Tanh(),
        nn.Linear(384, 1),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(1, args.steps + 1):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if epoch % 25 == 0:
            print(f"epoch {epoch} loss {loss.item():.5f}", flush=True)


if __name__ == "__main__":
    main()
