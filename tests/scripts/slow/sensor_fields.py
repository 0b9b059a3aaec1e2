"""Activity from body sensors. The recorder wrote one small file per sensor, axis and window."""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

PLACES, KINDS = ("wrist", "ankle", "hip"), ("acc", "gyro")
SENSORS = [f"{place}_{kind}_{axis}" for place in PLACES for kind in KINDS for axis in "xyz"]
LENGTH = 64


def record(root, count, seed):
    rng = np.random.default_rng(seed)
    for number in range(count):
        folder = Path(root) / f"window{number:05d}"
        folder.mkdir()
        activity = int(rng.integers(0, 5))
        (folder / "meta.json").write_text(json.dumps({"activity": activity, "rate": 50}))
        for position, sensor in enumerate(SENSORS):
            wave = np.sin(np.arange(LENGTH) * (0.1 + 0.07 * activity) + position)
            values = wave + rng.standard_normal(LENGTH)
            (folder / f"{sensor}.f32").write_bytes(values.astype(np.float32).tobytes())


class FileWindows(Dataset):
    def __init__(self, root):
        self.folders = sorted(Path(root).iterdir())

    def __len__(self):
        return len(self.folders)

    def __getitem__(self, index):
        folder = self.folders[index]
        channels = []
        for sensor in SENSORS:
            with open(folder / f"{sensor}.f32", "rb") as file:  # SLOW
                channels.append(np.frombuffer(file.read(), dtype=np.float32))
        with open(folder / "meta.json") as file:
            meta = json.load(file)
        return torch.from_numpy(np.stack(channels)), meta["activity"]


class PackedWindows(Dataset):
    """The same, in one file."""

    def __init__(self, root):
        windows = FileWindows(root)
        pairs = [windows[i] for i in range(len(windows))]
        self.values = torch.stack([values for values, _ in pairs])
        self.labels = [label for _, label in pairs]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.values[index], self.labels[index]


def train(data, steps):
    loader = DataLoader(data, batch_size=64, shuffle=True)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(len(SENSORS) * LENGTH, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 5)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    step = 0
    while True:
        for values, label in loader:
            loss = nn.functional.cross_entropy(model(values), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % 50 == 0:
                print(f"Step {step}: loss = {loss.item():.4f}", flush=True)
            if step == steps:
                return


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the number of windows")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--healthy", action="store_true", help="pack the files once")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    with tempfile.TemporaryDirectory(prefix="sensors-") as root:
        record(root, max(64, int(192 * args.size)), args.seed)
        train(PackedWindows(root) if args.healthy else FileWindows(root), args.steps)


if __name__ == "__main__":
    main()
