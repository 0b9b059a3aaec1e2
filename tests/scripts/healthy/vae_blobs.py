"""A variational autoencoder whose KL weight rises, so that the loss rises for a while, too."""

import argparse

import torch
from torch import nn


def blobs(size, seed):
    g = torch.Generator().manual_seed(seed)
    angle = 6.28 * torch.rand(size, 1, generator=g)
    grid = torch.linspace(0, 6.28, 16)
    return torch.exp(torch.cos(grid - angle)) / 2.7 + 0.05 * torch.randn(size, 16, generator=g)


class VAE(nn.Module):
    def __init__(self, latent=2):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Linear(48, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 48), nn.ReLU(), nn.Linear(48, 16))

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, -1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        kl = -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum(-1)
        return self.decoder(z), kl.mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x = blobs(args.size, args.seed)
    model = VAE()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(args.steps):
        batch = x[torch.randint(0, args.size, (64,))]
        rebuilt, kl = model(batch)
        beta = min(1.0, step / (0.8 * args.steps))
        loss = (rebuilt - batch).pow(2).sum(1).mean() + beta * kl
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f} kl {kl.item():.3f} beta {beta:.2f}")


if __name__ == "__main__":
    main()
