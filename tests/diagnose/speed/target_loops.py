"""Training loops, run under the watcher: `python target_loops.py PAYLOAD FOLDER NAME...`

Each runs in a fork of its own, with the watcher started there, since importing torch takes longest.
"""

import gc
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
torch.set_num_threads(1)


class Pictures(Dataset):
    """Samples that take a while."""

    def __len__(self):
        return 32

    def __getitem__(self, place):
        end = time.perf_counter() + 0.004
        while time.perf_counter() < end:
            pass
        return torch.randn(3, 16, 16), place % 10


def together(rows):
    """The person's own collate function."""
    return torch.stack([one for one, _ in rows]), torch.tensor([label for _, label in rows])


class Attention(nn.Module):
    """Built from parts."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(16, 16)

    def forward(self, x):
        x = self.inner(x)
        weights = torch.softmax(x @ x.transpose(-1, -2), -1)
        return weights @ x


class Model(nn.Module):
    """A convolution with a bias before its batch norm, attention, a head."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.attention = Attention()
        self.head = nn.Linear(16 * 256, 10)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu()
        return self.head(self.attention(x).flatten(1))


def loaders():
    """Two loaders: one is trained on, with workers; the other one is only for evaluation."""
    train = DataLoader(Pictures(), batch_size=8, shuffle=True, num_workers=2, collate_fn=together)
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), foreach=False)
    for _ in range(3):
        for x, y in train:
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        for x, _ in DataLoader(Pictures(), batch_size=16, collate_fn=together):
            with torch.no_grad():
                model(x)
    gc.collect()


def half():
    """Number types, gradients gathered over two batches, two optimisers that take turns, a mode left on."""
    one, two = nn.Linear(8, 8), nn.Linear(8, 8)
    first = torch.optim.SGD(one.parameters(), lr=0.01)
    second = torch.optim.Adam(two.parameters(), lr=0.01)
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        for _ in range(12):
            for optimizer in (first, second):
                for _ in range(2):
                    with torch.autocast("cpu", dtype=torch.bfloat16):
                        loss = two(one(torch.randn(4, 8))).float().square().mean()
                    loss.backward()
                optimizer.step()
                optimizer.zero_grad()


def compiled():
    """A function that is compiled again, since the shape of what it is given changes."""
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    fast = torch.compile(model, backend="eager")
    for step in range(8):
        fast(torch.randn(4 if step < 5 else 6, 8)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def together_made():
    """Two loaders of one line, as libraries make them."""
    first, second = (DataLoader(torch.randn(24, 4), batch_size=4) for _ in range(2))
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(2):
        for x in first:
            model(x).sum().backward()
            optimizer.step()
        for x in second:
            model(x)


def broken():
    """What would tell of loaders has a fault: nothing else is missing."""
    from _envkit_payload.watch.speed import loaders as ours

    ours.Loaders._entry = None
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for x in DataLoader(torch.randn(40, 4), batch_size=4):
        model(x).sum().backward()
        optimizer.step()


def run(payload, folder, name):
    """In the child: watch, and train."""
    os.mkdir(folder)
    sys.path.insert(0, payload)
    from _envkit_payload.watch.notebook import Session

    session = Session(folder, None)
    globals()[name]()
    session.end(None)


if __name__ == "__main__":
    for name in sys.argv[3:]:
        pid = os.fork()
        if pid == 0:
            run(sys.argv[1], os.path.join(sys.argv[2], name), name)
            sys.exit()
        _, status = os.waitpid(pid, 0)
        print(name, os.waitstatus_to_exitcode(status), flush=True)
