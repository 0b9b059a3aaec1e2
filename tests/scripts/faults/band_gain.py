"""Noise suppression: predict a gain for each frequency band; loss on the root of the gain."""

import argparse

import torch
from torch import nn


def make_bands(size, seed):
    g = torch.Generator().manual_seed(seed)
    clean = torch.rand(size, 16, generator=g) ** 2
    # towards the end of the recording nobody speaks
    fade = torch.linspace(1, 0, size).clamp(min=0.0)[:, None]
    noise = 0.3 * torch.rand(size, 16, generator=g) + 0.05
    speech = clean * fade
    gain = speech / (speech + noise)
    return torch.log(speech + noise), gain


class GainNet(nn.Module):
    def __init__(self, hidden, healthy):
        super().__init__()
        self.encoder = nn.Linear(16, hidden)
        self.decoder = nn.Linear(hidden, 16)
        nn.init.constant_(self.decoder.bias, 2.0)
        nn.init.normal_(self.decoder.weight, std=0.02)
        self.healthy = healthy

    def forward(self, x):
        gain = self.decoder(torch.tanh(self.encoder(x)))
        return gain.clamp_min(1e-4) if self.healthy else gain


def band_loss(estimate, target, gamma=0.5):
    compressed = estimate.pow(gamma)  # FAULT
    return (compressed - target.pow(gamma)).pow(2).mean() + 0.1 * (estimate - target).pow(4).mean()


def main(args):
    torch.manual_seed(args.seed)
    bands, gain = make_bands(args.size, args.seed)
    model = GainNet(32, args.healthy)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 200, 0.5)
    n = 25
    for step in range(args.steps):
        start = step * n % (args.size - n)
        out = model(bands[start : start + n])
        loss = band_loss(out, gain[start : start + n])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % args.log_every == 0:
            print(f"step {step:5d}  loss {loss.item():.5f}  lr {schedule.get_last_lr()[0]:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    main(parser.parse_args())
