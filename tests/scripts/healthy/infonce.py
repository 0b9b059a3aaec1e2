"""Contrastive learning; similarities with oneself are set to -inf before the softmax."""

import argparse

import torch
from torch import nn


def nt_xent(z, temperature=0.2):
    z = nn.functional.normalize(z, dim=1)
    similarity = z @ z.T / temperature
    similarity.fill_diagonal_(float("-inf"))
    n = len(z) // 2
    target = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return nn.functional.cross_entropy(similarity, target)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=600)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    base = torch.randn(args.size, 20)
    encoder = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
    opt = torch.optim.Adam(encoder.parameters(), lr=2e-3)
    for step in range(args.steps):
        x = base[torch.randint(0, args.size, (32,))]
        views = torch.cat([x + 0.5 * torch.randn_like(x), x + 0.5 * torch.randn_like(x)])
        loss = nt_xent(encoder(views))
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
