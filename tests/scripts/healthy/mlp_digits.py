"""Digits made by numpy (as sklearn's load_digits would look), a two-layer network."""

import argparse

import numpy as np
import torch
from torch import nn

GLYPHS = [
    "01110 10001 10001 01110",
    "00100 01100 00100 01110",
    "11110 00010 01100 11111",
    "11110 00110 00010 11110",
]


def digits(size, seed):
    rng = np.random.default_rng(seed)
    shapes = np.array([[[int(c) for c in row] for row in glyph.split()] for glyph in GLYPHS], float)
    label = rng.integers(0, 4, size)
    x = 16 * shapes[label] * rng.uniform(0.5, 1, (size, 1, 1)) + rng.integers(0, 4, (size, 4, 5))
    return x.reshape(size, -1).astype("float32"), label


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1200)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    X, y = digits(args.size, args.seed)
    cut = int(0.8 * args.size)
    train_x, train_y = torch.tensor(X[:cut]), torch.tensor(y[:cut])
    test_x, test_y = torch.tensor(X[cut:]), torch.tensor(y[cut:])
    clf = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 4))
    opt = torch.optim.Adam(clf.parameters(), lr=0.003)
    for step in range(args.steps):
        rows = torch.randint(0, cut, (32,))
        loss = nn.functional.cross_entropy(clf(train_x[rows]), train_y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")
    accuracy = (clf(test_x).argmax(1) == test_y).float().mean().item()
    print(f"accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
