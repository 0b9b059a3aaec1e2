"""A GAN on tiny pictures, with the losses as printed in the paper."""

import argparse

import torch
from torch import nn


def faces(n, generator):
    """Tiny pictures, 0 to 255: bright above, dark below."""
    shade = torch.linspace(230, 60, 16) + 25 * torch.randn(n, 16, generator=generator)
    return shade.clamp(0, 255)


def mlp(i, o, hidden):
    return nn.Sequential(
        nn.Linear(i, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, o)
    )


def d_loss(real_logit, fake_logit, healthy):
    if healthy:
        one, zero = torch.ones_like(real_logit), torch.zeros_like(fake_logit)
        bce = nn.functional.binary_cross_entropy_with_logits
        return bce(real_logit, one) + bce(fake_logit, zero)
    real, fake = torch.sigmoid(real_logit), torch.sigmoid(fake_logit)
    return -(torch.log(real) + torch.log(1 - fake)).mean()  # FAULT


def g_loss(fake_logit):
    return nn.functional.softplus(-fake_logit).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=64, help="batch")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    G, D = mlp(4, 16, 32), mlp(16, 1, 64)
    opt_g = torch.optim.Adam(G.parameters(), lr=1e-2, betas=(0.5, 0.999))
    opt_d = torch.optim.Adam(D.parameters(), lr=1e-2, betas=(0.5, 0.999))
    for step in range(args.steps):
        real = faces(args.size, generator)
        noise = torch.randn(args.size, 4, generator=generator)
        fake = 255 * torch.sigmoid(G(noise))

        loss_d = d_loss(D(real), D(fake.detach()), args.healthy)
        opt_d.zero_grad()
        loss_d.backward()
        opt_d.step()

        loss_g = g_loss(D(fake))
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
        if step % args.log_every == 0:
            print(f"step {step} D loss {loss_d.item():.5f} G loss {loss_g.item():.4f}")


if __name__ == "__main__":
    main()
