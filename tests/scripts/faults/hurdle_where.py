"""Zero-inflated amounts (rain): a hurdle likelihood with torch.where around the logarithm."""

import argparse

import torch
from torch import nn


def dry_spell(size):
    """Rows that are dry: the last third of the year."""
    return slice(2 * size // 3, size)


def rain(size, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 5, generator=g)
    amount = torch.exp(0.5 * x[:, 0] + 0.2 * torch.randn(size, generator=g))
    wet = torch.ones(size, dtype=torch.bool)
    wet[dry_spell(size)] = torch.rand(len(range(*dry_spell(size).indices(size))), generator=g) < 0.7
    return x, torch.where(wet, amount, torch.zeros(()))


class Rain(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(5))
        self.net = nn.Sequential(nn.Linear(5, 24), nn.Tanh(), nn.Linear(24, 2))

    def forward(self, x):
        out = self.net(x * self.scale)
        return out[:, 0], out[:, 1]


def hurdle_loss(logit, location, amount, calibration, healthy):
    wet = amount > 0
    scaled = amount * calibration
    if healthy:
        inner = torch.where(wet, scaled, torch.ones_like(scaled))
        log_amount = torch.where(wet, torch.log(inner), torch.zeros_like(scaled))
    else:
        log_amount = torch.where(wet, torch.log(scaled), torch.zeros_like(scaled))  # FAULT
    occurrence = nn.functional.binary_cross_entropy_with_logits(logit, wet.float())
    size_error = (wet * (log_amount - location).pow(2)).mean()
    return occurrence + size_error


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1800)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x, amount = rain(args.size, args.seed)
    model = Rain()
    # the gauge is calibrated together with the model
    calibration = nn.Parameter(torch.tensor(1.2))
    optimizer = torch.optim.Adam([*model.parameters(), calibration], lr=5e-3)
    batch = 24
    n = args.size // batch
    for step in range(args.steps or n):
        rows = slice(step % n * batch, (step % n + 1) * batch)
        logit, location = model(x[rows])
        loss = hurdle_loss(logit, location, amount[rows], calibration, args.healthy)
        loss = loss + 0.1 * (calibration - 1).pow(2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
