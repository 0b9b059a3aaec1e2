"""A small network on spirals; the losses go into a list as they are, and their mean is shown."""

import argparse

import torch
from torch import nn


def spirals(count):
    arm = torch.randint(0, 3, (count,))
    radius = torch.rand(count)
    angle = 4 * radius + 2.0944 * arm + 0.1 * torch.randn(count)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1), arm


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the width")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--healthy", action="store_true", help="keep numbers, and their sum")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    width = max(8, int(96 * args.size**0.5))
    x, arm = spirals(3000)
    model = nn.Sequential(
        nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 3)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses, total = [], 0.0
    for step in range(1, args.steps + 1):
        pick = torch.randint(0, len(x), (96,))
        loss = nn.functional.cross_entropy(model(x[pick]), arm[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if args.healthy:
            total += loss.item()
            mean = total / step
        else:
            losses.append(loss)
            mean = torch.stack(losses).mean().item()  # SLOW
        if step % 200 == 0:
            print(f"step {step} loss {loss.item():.4f} mean {mean:.4f}", flush=True)


if __name__ == "__main__":
    main()
