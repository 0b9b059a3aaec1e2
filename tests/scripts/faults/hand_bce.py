import argparse

import numpy as np
import torch
import torch.nn as nn

# Two moons, a small network, binary cross-entropy written by hand (as in the lecture).

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--size", type=int, default=600)
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--log-every", type=int, default=20)
parser.add_argument("--healthy", action="store_true")


def moons(n, rng):
    angle = np.pi * rng.random(n)
    label = rng.integers(0, 2, n)
    x = np.where(label == 0, np.cos(angle), 1 - np.cos(angle))
    y = np.where(label == 0, np.sin(angle), 0.5 - np.sin(angle))
    points = np.stack([x, y], 1) + rng.normal(0, 0.05, (n, 2))
    return 8 * points.astype("float32"), label.astype("float32")


def bce(p, y):
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()  # FAULT


def main():
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    X, Y = moons(args.size, rng)
    X, Y = torch.tensor(X), torch.tensor(Y)

    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.015)

    for step in range(args.steps):
        pick = torch.from_numpy(rng.integers(0, len(X), 64))
        logit = model(X[pick]).squeeze(1)
        if args.healthy:
            loss = nn.functional.binary_cross_entropy_with_logits(logit, Y[pick])
        else:
            loss = bce(torch.sigmoid(logit), Y[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % args.log_every == 0:
            with torch.no_grad():
                accuracy = ((logit > 0).float() == Y[pick]).float().mean()
            print(f"step {step}: loss = {loss.item():.4f}, accuracy = {accuracy.item():.2f}")


if __name__ == "__main__":
    main()
