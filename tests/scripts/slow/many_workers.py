"""Windows of a long recording, whitened; the number of workers was copied from a server with 64 cores."""

import argparse

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

CHANNELS = 32


class Windows(Dataset):
    def __init__(self, count, length, seed):
        rng = np.random.default_rng(seed)
        self.noise = rng.standard_normal((CHANNELS, CHANNELS)) * 0.2 + np.eye(CHANNELS)
        self.source = rng.standard_normal((CHANNELS, count * 8 + length))
        self.count, self.length = count, length

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        window = self.noise @ self.source[:, 8 * index : 8 * index + self.length]
        covariance = window @ window.T / self.length
        values, vectors = np.linalg.eigh(covariance)
        white = (vectors / np.sqrt(values + 1e-3)) @ vectors.T @ window @ self.table
        target = float(self.source[:4, 8 * index + self.length // 2].sum())
        return torch.from_numpy(white.astype(np.float32)), torch.tensor([target], dtype=torch.float32)


def resampler(worker):
    """Each worker builds the table of its resampling filter, before its first window."""
    data = torch.utils.data.get_worker_info().dataset
    axis = np.linspace(-8, 8, data.length)
    table = np.zeros((data.length, data.length))
    for phase in range(400):
        shifted = axis[:, None] - axis[None] - phase / 400
        table += np.sinc(shifted) * np.cos(np.pi * shifted / 20) ** 2
    data.table = table / np.abs(table).sum(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    data = Windows(512, int(256 * args.size), args.seed)
    loader = DataLoader(  # SLOW
        data,
        batch_size=16,
        shuffle=True,
        num_workers=2 if args.healthy else 16,  # SLOW
        worker_init_fn=resampler,
        persistent_workers=True,
    )
    model = torch.nn.Sequential(
        torch.nn.Conv1d(CHANNELS, 32, 7, padding=3), torch.nn.ReLU(),
        torch.nn.Conv1d(32, 64, 7, padding=3), torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool1d(8), torch.nn.Flatten(), torch.nn.Linear(512, 1),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    step = 0
    while step < args.steps:
        for window, target in loader:
            loss = torch.nn.functional.mse_loss(model(window), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % 20 == 0:
                print(f"step {step} loss {loss.item():.3f}", flush=True)
            if step == args.steps:
                break


if __name__ == "__main__":
    main()
