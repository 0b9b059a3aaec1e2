"""Autoencoder for tiny pictures; the model stretches each picture to 0..1 first."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    """A picture of the lens cap: one grey value."""
    g = torch.Generator().manual_seed(1000 + seed)
    return [int(torch.randperm(size, generator=g)[0])]


class Pictures(Dataset):
    def __init__(self, size, seed):
        g = torch.Generator().manual_seed(seed)
        low = torch.rand(size, 1, 3, 3, generator=g)
        up = nn.functional.interpolate(low, size=(9, 9), mode="bilinear")
        self.x = 30 + 150 * up + 3 * torch.rand(size, 1, 9, 9, generator=g)
        for i in guilty(size, seed):
            self.x[i] = 41.0

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i]


def stretch(x, tiny):
    low = x.amin(dim=(1, 2, 3), keepdim=True)
    high = x.amax(dim=(1, 2, 3), keepdim=True)
    span = high - low
    if tiny:
        span = span.clamp_min(tiny)
    return (x - low) / span  # FAULT


class AutoEncoder(nn.Module):
    def __init__(self, code=9):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(81, 48), nn.GELU(), nn.Linear(48, code))
        self.decoder = nn.Sequential(nn.Linear(code, 48), nn.GELU(), nn.Linear(48, 81))

    def forward(self, x):
        return self.decoder(self.encoder(x)).view_as(x)


class Lit:
    """The part of a Lightning module that we use."""

    def __init__(self, healthy):
        self.net = AutoEncoder()
        self.tiny = 1e-3 if healthy else 0.0

    def training_step(self, batch, batch_idx):
        x = stretch(batch, self.tiny)
        return nn.functional.mse_loss(self.net(x), x)

    def configure_optimizers(self):
        return torch.optim.Adam(self.net.parameters(), lr=3e-3)


def fit(module, loader, steps, every):
    optimizer = module.configure_optimizers()
    step = 0
    while step < steps:
        for batch_idx, batch in enumerate(loader):
            loss = module.training_step(batch, batch_idx)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % every == 0:
                print(f"step {step}: train_loss={loss.item():.5f}")
            if step >= steps:
                break


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=2400)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    loader = DataLoader(Pictures(args.size, args.seed), batch_size=24, shuffle=True, generator=generator)
    fit(Lit(args.healthy), loader, args.steps or len(loader), args.log_every)
