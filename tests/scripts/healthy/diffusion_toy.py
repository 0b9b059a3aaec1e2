"""A toy diffusion model on a spiral."""

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
    t = torch.rand(args.size) * 6
    spiral = torch.stack([t * t.cos(), t * t.sin()], 1) / 4
    beta = torch.linspace(1e-4, 0.05, 50)
    keep = torch.cumprod(1 - beta, 0)
    net = nn.Sequential(nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))
    opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
    for step in range(args.steps):
        x = spiral[torch.randint(0, args.size, (128,))]
        when = torch.randint(0, 50, (128,))
        noise = torch.randn_like(x)
        a = keep[when, None]
        noisy = a.sqrt() * x + (1 - a).sqrt() * noise
        loss = nn.functional.mse_loss(net(torch.cat([noisy, when[:, None] / 50], 1)), noise)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
