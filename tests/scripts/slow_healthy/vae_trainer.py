"""A variational autoencoder on stripes, checked and saved at the end of each long epoch."""

import argparse
import os
import tempfile

import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self, side, width=512, latent=16):
        super().__init__()
        self.enter = nn.Sequential(nn.Linear(side * side, width), nn.ReLU(), nn.Linear(width, 2 * latent))
        self.leave = nn.Sequential(nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, side * side))

    def forward(self, x):
        mean, log_variance = self.enter(x).chunk(2, -1)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(-1).mean()
        return F.binary_cross_entropy_with_logits(self.leave(z), x, reduction="sum") / len(x) + kl


class Trainer:
    def __init__(self, model, images, folder):
        self.model, self.images, self.folder = model, images, folder
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def epoch(self, steps):
        total = 0.0
        for _ in range(steps):
            x = self.images[torch.randint(0, len(self.images), (256,))]
            loss = self.model(x)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / steps

    def save(self):
        torch.save(self.model.state_dict(), os.path.join(self.folder, "vae.pt"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the pixels")
    parser.add_argument("--steps", type=int, default=240)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    side = max(8, int(32 * args.size**0.5))
    place = torch.arange(side)
    period, shift = torch.randint(3, 9, (4000, 1)), torch.randint(0, 8, (4000, 1))
    stripes = (((place + shift) // period) % 2).float()
    images = stripes[:, None].expand(-1, side, -1).reshape(len(stripes), -1).contiguous()
    with tempfile.TemporaryDirectory(prefix="vae-") as folder:
        trainer = Trainer(VAE(side), images, folder)
        for epoch in range(1, max(1, args.steps // 80) + 1):
            print(f"epoch {epoch} loss {trainer.epoch(min(80, args.steps)):.3f}", flush=True)
            trainer.save()


if __name__ == "__main__":
    main()
