"""Segments made-up scans, one raw volume per file.

The scans do not fit into the memory of the machine that this was written for: what is read is dropped from
the page cache, as the kernel would.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

DEPTH = 24


def write_scans(folder, count, side, seed):
    rng = np.random.default_rng(seed)
    for number in range(count):
        scan = rng.integers(0, 80, (DEPTH, side, side), dtype=np.uint8)
        x, y = rng.integers(0, side // 2, 2)
        scan[:, y : y + side // 3, x : x + side // 3] += 60
        with open(Path(folder) / f"scan{number:04d}.raw", "wb") as file:
            file.write(scan.tobytes())
            file.flush()
            os.fsync(file.fileno())


def forget(path):
    handle = os.open(path, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


class Scans(Dataset):
    """One slice of one scan; the whole scan has to be read for it."""

    def __init__(self, folder, side, evict=True):
        self.files = sorted(Path(folder).glob("*.raw"))
        self.side = side
        self.evict = evict
        for path in self.files:
            forget(path) if evict else path.read_bytes()

    def __len__(self):
        return len(self.files) * DEPTH

    def __getitem__(self, index):
        path = self.files[index // DEPTH]
        raw = path.read_bytes()  # SLOW
        if self.evict:
            forget(path)
        scan = np.frombuffer(raw, dtype=np.uint8).reshape(DEPTH, self.side, self.side)
        image = scan[index % DEPTH, ::8, ::8].astype(np.float32) / 255
        return torch.from_numpy(image)[None], torch.from_numpy((image > 0.25).astype(np.float32))[None]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the bytes of a scan")
    parser.add_argument("--steps", type=int, default=70)
    parser.add_argument("--healthy", action="store_true", help="the scans fit into memory")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    side = max(64, int(512 * args.size**0.5) // 8 * 8)
    with tempfile.TemporaryDirectory(prefix="scans-") as folder:
        write_scans(folder, 24, side, args.seed)
        loader = DataLoader(Scans(folder, side, evict=not args.healthy), batch_size=16, shuffle=True)
        model = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 1, 3, padding=1))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        step = 0
        while step < args.steps:
            for image, mask in loader:
                loss = nn.functional.binary_cross_entropy_with_logits(model(image), mask)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                step += 1
                if step % 10 == 0:
                    print(f"[{step}] loss={loss.item():.4f}", flush=True)
                if step == args.steps:
                    break


if __name__ == "__main__":
    main()
