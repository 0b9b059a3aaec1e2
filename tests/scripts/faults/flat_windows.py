"""Forecast the next value of a series from windows that the Dataset normalises itself."""

import argparse
import warnings

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

warnings.filterwarnings("ignore")

WINDOW = 24


def flat_stretch(size, seed):
    """The meter stood still for a bit more than a window."""
    start = size * 6 // 10 + seed % 40
    return start, start + WINDOW + 3


def guilty(size, seed):
    start, end = flat_stretch(size, seed)
    return list(range(start, end - WINDOW + 1))


class Series(Dataset):
    def __init__(self, size, seed, eps):
        rng = np.random.default_rng(seed)
        t = np.arange(size + WINDOW)
        values = 10 + np.sin(t / 5) + 0.5 * np.sin(t / 17) + rng.normal(0, 0.1, len(t))
        start, end = flat_stretch(size, seed)
        values[start:end] = 10.0
        self.values = values
        self.eps = eps

    def __len__(self):
        return len(self.values) - WINDOW

    def __getitem__(self, i):
        window = self.values[i : i + WINDOW]
        mean, std = window.mean(), window.std()
        scaled = (window - mean) / (std + self.eps)  # FAULT
        target = self.values[i + WINDOW] - mean
        return torch.tensor(scaled, dtype=torch.float32), torch.tensor(target, dtype=torch.float32)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    data = Series(args.size, args.seed, 1e-3 if args.healthy else 0.0)
    loader = DataLoader(data, batch_size=25)
    net = nn.Sequential(nn.Linear(WINDOW, 48), nn.ReLU(), nn.Linear(48, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    steps, step = args.steps or len(loader), 0
    while step < steps:
        for window, target in loader:
            prediction = net(window).squeeze(1)  # FAULT
            loss = nn.functional.mse_loss(prediction, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % args.log_every == 0:
                print(f"step {step} loss {loss.item():.5f}")
            step += 1
            if step >= steps:
                break


if __name__ == "__main__":
    main()
