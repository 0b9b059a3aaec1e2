"""Cosine schedule with warm restarts: the loss jumps at each restart, and comes down again."""

import argparse

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = torch.rand(args.size, 2) * 4 - 2
    y = torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2
    model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    opt = torch.optim.SGD(model.parameters(), lr=0.08, momentum=0.9)
    schedule = CosineAnnealingWarmRestarts(opt, T_0=40)
    for step in range(args.steps):
        rows = torch.randint(0, args.size, (50,))
        loss = nn.functional.mse_loss(model(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        schedule.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f} lr {schedule.get_last_lr()[0]:.4f}")


if __name__ == "__main__":
    main()
