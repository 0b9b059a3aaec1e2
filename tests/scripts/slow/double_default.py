"""Denoises images of lines with a small convolutional network; float64 was set for a gradient check."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Lines(Dataset):
    def __init__(self, count, side):
        axis = torch.linspace(-1, 1, side)
        angle, shift = 3.1416 * torch.rand(count, 1, 1), torch.rand(count, 1, 1) - 0.5
        distance = axis[:, None] * angle.cos() + axis[None] * angle.sin() - shift
        self.clean = torch.exp(-((8 * distance) ** 2))

    def __len__(self):
        return len(self.clean)

    def __getitem__(self, index):
        clean = self.clean[index][None]
        return clean + 0.4 * torch.randn_like(clean), clean


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 24, 3, padding=1)
        self.middle = nn.ModuleList(nn.Conv2d(24, 24, 3, padding=1) for _ in range(2))
        self.last = nn.Conv2d(24, 1, 3, padding=1)

    def forward(self, x):
        y = F.relu(self.first(x))
        for layer in self.middle:
            y = y + F.relu(layer(y))
        return x - self.last(y)


def run(model, loader, steps):
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    step = 0
    while True:
        for noisy, clean in loader:
            loss = F.mse_loss(model(noisy), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 10 == 0:
                print(f"step {step} loss {loss.item():.4f}", flush=True)
            step += 1
            if step == steps:
                return


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    if not args.healthy:
        torch.set_default_dtype(torch.float64)  # SLOW
    torch.manual_seed(args.seed)
    data = Lines(256, max(16, int(40 * args.size**0.5)))
    run(Denoiser(), DataLoader(data, batch_size=16, shuffle=True), args.steps)
