"""Which of six notes a noisy clip plays, from its mel spectrogram."""

import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

RATE = 8000
WINDOW, HOP, BANDS = 400, 80, 40


def mel_bank():
    points = 700 * (np.exp(np.linspace(0, np.log(1 + RATE / 2 / 700), BANDS + 2)) - 1)
    bins = np.floor((WINDOW + 1) * points / RATE).astype(int)
    bank = np.zeros((BANDS, WINDOW // 2 + 1))
    for band in range(BANDS):
        low, middle, high = bins[band : band + 3]
        for k in range(low, middle):
            bank[band, k] = (k - low) / max(1, middle - low)
        for k in range(middle, high):
            bank[band, k] = (high - k) / max(1, high - middle)
    return bank


class Clips(Dataset):
    def __init__(self, count, seconds, seed, cache=False):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 6, count)
        time = np.arange(int(seconds * RATE)) / RATE
        pitch = 220 * 2 ** (self.labels / 6)
        self.clips = np.sin(2 * np.pi * pitch[:, None] * time) + rng.standard_normal((count, len(time)))
        self.bank, self.window = mel_bank(), np.hanning(WINDOW)
        self.ready = [self.features(i) for i in range(count)] if cache else None

    def features(self, index):
        clip = self.clips[index]
        frames = []
        for start in range(0, len(clip) - WINDOW, HOP):
            spectrum = np.abs(np.fft.rfft(clip[start : start + WINDOW] * self.window)) ** 2  # SLOW
            frames.append(np.log(self.bank @ spectrum + 1e-6))  # SLOW
        return torch.tensor(np.array(frames), dtype=torch.float32)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        mel = self.features(index) if self.ready is None else self.ready[index]  # SLOW
        return mel, int(self.labels[index])


class Notes(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(BANDS, 96, 5, stride=2)
        self.rnn = nn.GRU(96, 64, batch_first=True)
        self.out = nn.Linear(64, 6)

    def forward(self, mel):
        x = torch.relu(self.conv(mel.transpose(1, 2)))[:, :, ::4]
        return self.out(self.rnn(x.transpose(1, 2))[0].mean(1))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--size", type=float, default=1.0)
    ap.add_argument("--steps", type=int, default=150)
    ap.add_argument("--healthy", action="store_true", help="features once, kept in memory")
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    data = Clips(160, 2.0 * a.size, a.seed, cache=a.healthy)
    workers = 0 if a.healthy else 2
    loader = DataLoader(
        data, batch_size=16, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    net = Notes()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    done = epoch = 0
    while done < a.steps:
        total = 0.0
        for mel, label in loader:
            opt.zero_grad()
            loss = criterion(net(mel), label)
            loss.backward()
            opt.step()
            total += loss.item()
            done += 1
            if done == a.steps:
                break
        epoch += 1
        print(f"epoch {epoch} loss {total / len(loader):.4f}", flush=True)


if __name__ == "__main__":
    main()
