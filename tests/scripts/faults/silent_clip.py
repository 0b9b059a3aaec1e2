"""Keyword spotting on made-up audio: log spectrum in the model, then a small CNN."""

import argparse
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    g = torch.Generator().manual_seed(seed + 6)
    return [size // 2 + int(torch.randint(0, size // 3, (1,), generator=g))]


class Clips(Dataset):
    def __init__(self, size, seed, samples=256):
        g = torch.Generator().manual_seed(seed)
        self.word = torch.randint(0, 4, (size,), generator=g)
        t = torch.arange(samples) / samples
        pitch = 8 + 12 * self.word[:, None] + 2 * torch.rand(size, 1, generator=g)
        self.wave = torch.sin(2 * math.pi * pitch * t) + 0.5 * torch.randn(size, samples, generator=g)
        self.wave[guilty(size, seed)] = 0.0  # the microphone was off

    def __len__(self):
        return len(self.word)

    def __getitem__(self, i):
        return self.wave[i], self.word[i]


class LogSpectrum(nn.Module):
    def __init__(self, floor):
        super().__init__()
        self.register_buffer("window", torch.hann_window(64))
        self.floor = floor

    def forward(self, wave):
        frames = wave.unfold(-1, 64, 32) * self.window
        power = torch.fft.rfft(frames).abs().square()
        return 10 * torch.log10(power + self.floor)  # FAULT


class Spotter(nn.Module):
    def __init__(self, floor):
        super().__init__()
        self.front = LogSpectrum(floor)
        self.norm = nn.BatchNorm1d(33)
        self.conv = nn.Conv1d(33, 24, 3)
        self.out = nn.Linear(24, 4)

    def forward(self, wave):
        x = self.norm(self.front(wave).transpose(1, 2))
        return self.out(torch.relu(self.conv(x)).amax(-1))


def train_one_epoch(model, loader, optimizer, begin, last, every):
    model.train()
    for step, (wave, word) in enumerate(loader, begin):
        if step >= last:
            return step
        loss = nn.functional.cross_entropy(model(wave), word)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % every == 0:
            print(f"step {step} loss {loss.item():.4f}")
    return begin + len(loader)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(Clips(args.size, args.seed), batch_size=20)
    model = Spotter(1e-6 if args.healthy else 0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    last = args.steps or len(loader)
    step = 0
    while step < last:
        step = train_one_epoch(model, loader, optimizer, step, last, args.log_every)
