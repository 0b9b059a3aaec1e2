"""Keypoints on random frames; the loader's workers blur each frame with torch, on eight threads each."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Frames(Dataset):
    def __init__(self, count, side, seed):
        g = torch.Generator().manual_seed(seed)
        self.centres = torch.rand(count, 2, generator=g)
        self.side = side
        line = torch.linspace(-2, 2, 9)
        kernel = torch.exp(-(line[:, None] ** 2 + line[None] ** 2))
        self.kernel = (kernel / kernel.sum())[None, None]

    def __len__(self):
        return len(self.centres)

    def __getitem__(self, index):
        axis = torch.linspace(0, 1, self.side)
        cy, cx = self.centres[index]
        frame = torch.exp(-60 * ((axis[:, None] - cy) ** 2 + (axis[None] - cx) ** 2))
        frame = frame + 0.3 * torch.randn(self.side, self.side)
        for _ in range(3):
            frame = F.conv2d(frame[None, None], self.kernel, padding=4)[0, 0].clamp(-3, 3)
        return F.avg_pool2d(frame[None, None], 4)[0], self.centres[index]


def many_threads(worker):
    torch.set_num_threads(8)  # SLOW


class Trainer:
    def __init__(self, model, loader, rate):
        self.model, self.loader = model, loader
        self.optimizer = torch.optim.Adam(model.parameters(), lr=rate)
        self.step = 0

    def train_step(self, frames, centres):
        loss = F.mse_loss(self.model(frames), centres)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.step += 1
        return loss

    def fit(self, steps):
        while self.step < steps:
            for frames, centres in self.loader:
                loss = self.train_step(frames, centres)
                if self.step % 20 == 0:
                    print(f"step={self.step} loss={loss.item():.5f}", flush=True)
                if self.step >= steps:
                    return


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)  # a forked worker hangs in OpenMP where its parent has a pool of threads
    side = max(32, int(96 * args.size**0.5) // 4 * 4)
    loader = DataLoader(
        Frames(640, side, args.seed),
        batch_size=16,
        shuffle=True,
        num_workers=2,
        persistent_workers=True,
        worker_init_fn=None if args.healthy else many_threads,
    )
    model = nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(64), nn.ReLU(), nn.Linear(64, 2)
    )
    model(torch.zeros(2, 1, side // 4, side // 4))
    Trainer(model, loader, 1e-3).fit(args.steps)


if __name__ == "__main__":
    main()
