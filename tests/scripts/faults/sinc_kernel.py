"""Interpolate a field that scattered stations measure, with a sinc kernel of learned frequencies."""

import argparse

import numpy as np
import torch


def guilty(size, seed):
    # the station that stands exactly at the origin
    return [int(np.random.default_rng(seed).integers(int(0.7 * size), size - 1))]


def stations(size, seed):
    rng = np.random.default_rng(seed + 1000)
    xy = rng.uniform(-3, 3, (size, 2))
    xy[guilty(size, seed)] = 0.0
    r = np.hypot(xy[:, 0], xy[:, 1])
    field = np.sinc(r * 0.6) + 0.3 * np.cos(r) + rng.normal(0, 0.05, size)
    return torch.from_numpy(xy).float(), torch.from_numpy(field).float()


class Sinc(torch.nn.Module):
    def __init__(self, n, healthy):
        super().__init__()
        self.frequency = torch.nn.Parameter(torch.linspace(0.5, 6, n))
        self.amplitude = torch.nn.Parameter(torch.zeros(n))
        self.bias = torch.nn.Parameter(torch.zeros(()))
        self.healthy = healthy

    def kernel(self, r):
        phase = r[:, None] * self.frequency
        zero = phase == 0
        if self.healthy:
            phase = torch.where(zero, torch.ones_like(phase), phase)
        return torch.where(zero, torch.ones_like(phase), torch.sin(phase) / phase)  # FAULT

    def forward(self, xy):
        r = xy.pow(2).sum(1).sqrt()
        return self.kernel(r) @ self.amplitude + self.bias


def get_args():
    parser = argparse.ArgumentParser()
    for name, default in (("seed", 3), ("size", 1200), ("steps", -1), ("log-every", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--healthy", action="store_true")
    return parser.parse_args()


def main():
    args = get_args()
    torch.manual_seed(args.seed)
    xy, field = stations(args.size, args.seed)
    model = Sinc(24, args.healthy)
    opt = torch.optim.AdamW(model.parameters(), lr=0.02)
    B = 16
    epochs_steps = args.size // B
    steps = epochs_steps + 15 if args.steps < 0 else args.steps
    for it in range(steps):
        lo = (it % epochs_steps) * B
        pred = model(xy[lo : lo + B])
        loss = torch.nn.functional.mse_loss(pred, field[lo : lo + B])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if it % args.log_every == 0:
            print(f"iter {it}: loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
