"""Heavy-tailed targets: now and then a gradient is a hundred times the usual; clipping takes care of it."""

import argparse

import torch
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = torch.randn(args.size, 4)
    tail = torch.distributions.StudentT(1.6).sample((args.size,)).clamp(-300, 300)
    y = x @ torch.tensor([1.0, 2, -1, 0]) + 0.2 * tail
    model = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 1))
    opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    smooth = None
    for step in range(args.steps):
        rows = torch.randint(0, args.size, (32,))
        loss = nn.functional.mse_loss(model(x[rows]).squeeze(1), y[rows])
        opt.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        opt.step()
        smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
        if step % args.log_every == 0:
            print(f"step {step} smoothed loss {smooth:.4f} grad norm {norm:.2f}")


if __name__ == "__main__":
    main()
