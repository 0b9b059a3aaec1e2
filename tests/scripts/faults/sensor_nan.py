"""Predict the yield of a made-up chemical plant from its sensors."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    """The hour in which one sensor wrote 'n/a'."""
    rng = np.random.default_rng([seed, 4])
    return [int(rng.integers(0, size))]


def read_table(size, seed):
    rng = np.random.default_rng(seed)
    temperature = rng.normal(350, 15, size)
    pressure = rng.normal(2.0, 0.3, size)
    flow = rng.gamma(4, 2, size)
    ph = rng.normal(7, 0.5, size)
    target = 0.02 * temperature - 0.8 * (pressure - 2) ** 2 + 0.1 * flow + rng.normal(0, 0.1, size)
    table = np.stack([temperature, pressure, flow, ph], axis=1)
    table[guilty(size, seed), 2] = np.nan
    return table, target


class PlantData(Dataset):
    def __init__(self, table, target):
        self.mean, self.std = np.nanmean(table, 0), np.nanstd(table, 0)
        self.x = ((table - self.mean) / self.std).astype(np.float32)
        self.y = (target - target.mean()).astype(np.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Yield(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, hidden),
            nn.ReLU(),
            nn.Dropout(0.05),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, x):
        return self.layers(x).squeeze(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=4000)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    table, target = read_table(args.size, args.seed)
    if args.healthy:
        keep = ~np.isnan(table).any(axis=1)
        table, target = table[keep], target[keep]
    loader = DataLoader(PlantData(table, target), batch_size=32, shuffle=True)
    model = Yield()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    steps = args.steps or len(loader)
    step = 0
    while step < steps:
        for x, y in loader:
            prediction = model(x)  # FAULT
            loss = nn.functional.mse_loss(prediction, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % args.log_every == 0:
                print(f"step {step} loss {loss.item():.4f}")
            if step >= steps:
                break


if __name__ == "__main__":
    main()
