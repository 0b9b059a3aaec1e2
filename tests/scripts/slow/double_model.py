"""A surrogate of a simulation. Its data came from NumPy, so somebody called .double() on the model."""

import argparse

import numpy as np
import torch
from torch import nn


def simulate(count, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (count, 16))
    y = np.stack([np.sin(3 * x[:, 0] * x[:, 1]), np.exp(-(x**2).sum(1) / 4), x.prod(1) * 50], 1)
    return x, y


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the width of the network")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--healthy", action="store_true", help="float32")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    width = max(16, int(512 * args.size**0.5))
    x, y = (torch.from_numpy(array) for array in simulate(8192, args.seed))
    model = nn.Sequential(
        nn.Linear(16, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
        nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 3),
    )  # fmt: skip
    if args.healthy:
        x, y = x.float(), y.float()
    else:
        model = model.double()  # SLOW
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(args.steps):
        pick = torch.randint(0, len(x), (512,))
        loss = nn.functional.mse_loss(model(x[pick]), y[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step:4d} loss {loss.item():.5f}", flush=True)


if __name__ == "__main__":
    main()
