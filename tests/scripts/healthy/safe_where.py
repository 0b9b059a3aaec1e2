"""Zero-inflated amounts, with torch.where on both sides of the logarithm and the root."""

import argparse

import torch
from torch import nn


def safe_log(x):
    ok = x > 0
    return torch.where(ok, torch.log(torch.where(ok, x, 1.0)), 0.0)


def safe_root(x):
    ok = x > 0
    return torch.where(ok, torch.sqrt(torch.where(ok, x, 1.0)), 0.0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = torch.randn(args.size, 5)
    amount = torch.relu(x[:, 0] + 0.5 * x[:, 1])
    model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1), nn.ReLU())
    nn.init.constant_(model[2].bias, 0.5)
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(args.steps):
        rows = torch.randint(0, args.size, (64,))
        predicted = model(x[rows]).squeeze(1)
        wanted = amount[rows]
        loss = (safe_log(predicted + 0.1 * wanted) - safe_log(1.1 * wanted)).pow(2).mean()
        loss = (
            0.1 * loss
            + (safe_root(predicted) - safe_root(wanted)).pow(2).mean()
            + (predicted - wanted).pow(2).mean()
        )
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
