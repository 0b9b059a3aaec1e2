"""Wasserstein GAN with gradient penalty: a gradient of a gradient, and a norm with an epsilon inside."""

import argparse

import torch
from torch import nn


def penalty(critic, real, fake):
    mix = torch.rand(len(real), 1)
    between = (mix * real + (1 - mix) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((slope.pow(2).sum(1) + 1e-12).sqrt() - 1).pow(2).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    G = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 2))
    C = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 1))
    opt_g, opt_c = torch.optim.Adam(G.parameters(), 1e-3), torch.optim.Adam(C.parameters(), 2e-3)
    for step in range(args.steps):
        for _ in range(2):
            real = torch.randn(args.size, 2) * torch.tensor([2.0, 0.3]) + 1
            fake = G(torch.randn(args.size, 3)).detach()
            loss = C(fake).mean() - C(real).mean() + 10 * penalty(C, real, fake)
            opt_c.zero_grad()
            loss.backward()
            opt_c.step()
        g = -C(G(torch.randn(args.size, 3))).mean()
        opt_g.zero_grad()
        g.backward()
        opt_g.step()
        if step % args.log_every == 0:
            print(f"step {step} critic loss {loss.item():.4f} generator {g.item():.4f}")


if __name__ == "__main__":
    main()
