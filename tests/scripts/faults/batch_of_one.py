"""Digits drawn by hand (well, by numpy), with our own batch normalisation."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

STROKES = {
    0: ["111", "101", "101", "101", "111"],
    1: ["010", "110", "010", "010", "111"],
    4: ["101", "101", "111", "001", "001"],
    7: ["111", "001", "010", "010", "010"],
}


def digits(size, seed):
    rng = np.random.default_rng(seed)
    names = sorted(STROKES)
    shapes = np.array([[[int(c) for c in row] for row in STROKES[n]] for n in names], dtype=float)
    label = rng.integers(0, len(names), size)
    picture = np.zeros((size, 8, 8))
    for i, k in enumerate(label):
        dy, dx = rng.integers(0, 4), rng.integers(0, 6)
        picture[i, dy : dy + 5, dx : dx + 3] = shapes[k]
    picture += rng.normal(0, 0.2, picture.shape)
    return TensorDataset(torch.tensor(picture, dtype=torch.float32).flatten(1), torch.tensor(label))


class BatchScale(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x):
        mean = x.mean(dim=0)
        var = x.var(dim=0)  # FAULT
        return (x - mean) / torch.sqrt(var + 1e-5) * self.weight + self.bias


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1200, help="pictures; one more is added")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    batch = 24
    data = digits(args.size // batch * batch + 1, args.seed)
    loader = DataLoader(data, batch_size=batch, shuffle=True, drop_last=args.healthy)
    model = nn.Sequential(nn.Linear(64, 64), BatchScale(64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)
    last, step = args.steps or int(1.3 * len(loader)), 0
    epoch = 0
    while step < last:
        for x, y in loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % args.log_every == 0:
                print(f"step {step} (epoch {epoch}) loss {loss.item():.4f}")
            step += 1
            if step >= last:
                break
        epoch += 1


if __name__ == "__main__":
    main()
