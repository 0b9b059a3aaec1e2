"""Poisson regression on the log scale, with an outlier or two; finite throughout."""

import argparse

import torch
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = torch.randn(args.size, 4)
    x[::200] *= 4
    rate = torch.exp((x @ torch.tensor([0.5, -0.3, 0.2, 0.0])).clamp(-3, 4))
    y = torch.poisson(rate)
    model = nn.Linear(4, 1)
    loss_fn = nn.PoissonNLLLoss(log_input=True, full=True)
    opt = torch.optim.Adam(model.parameters(), lr=0.02)
    for step in range(args.steps):
        rows = torch.randint(0, args.size, (64,))
        loss = loss_fn(model(x[rows]).squeeze(1).clamp(max=8), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
