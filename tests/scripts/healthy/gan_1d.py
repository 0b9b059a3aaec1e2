"""A GAN in one dimension with two optimisers; losses go up and down as they should."""

import argparse

import torch
from torch import nn


def real_numbers(n, g):
    return 4 + 0.5 * torch.randn(n, 1, generator=g)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    g = torch.Generator().manual_seed(args.seed)
    generator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    critic = nn.Sequential(nn.Linear(1, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    opt_g = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.99))
    opt_d = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.99))
    bce = nn.BCEWithLogitsLoss()
    one, zero = torch.ones(args.size, 1), torch.zeros(args.size, 1)
    for step in range(args.steps):
        fake = generator(torch.randn(args.size, 2))
        d = bce(critic(real_numbers(args.size, g)), one) + bce(critic(fake.detach()), zero)
        opt_d.zero_grad()
        d.backward()
        opt_d.step()
        loss_g = bce(critic(fake), one)
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
        if step % args.log_every == 0:
            print(f"step {step} d_loss {d.item():.4f} g_loss {loss_g.item():.4f}")


if __name__ == "__main__":
    main()
