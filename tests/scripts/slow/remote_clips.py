"""Motion clips that lie on a network share; every batch is fetched when its turn comes."""

import argparse
import os
import tempfile

import numpy as np
import torch
from share import Share

FRAMES, POINTS = 64, 51


class Model(torch.nn.Module):
    def __init__(self, width=128):
        super().__init__()
        self.rnn = torch.nn.GRU(POINTS, width, batch_first=True)
        self.out = torch.nn.Linear(width, POINTS)

    def forward(self, x):
        return x[:, -1] + self.out(self.rnn(x)[0][:, -1])


class Local:
    """The clips, copied to this machine before the training."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()

    def read(self, offset, length):
        return self.data[offset : offset + length]

    def close(self):
        pass


def write_clips(path, count, seed):
    rng = np.random.default_rng(seed)
    speed = rng.uniform(0.05, 0.3, (count, 1, POINTS))
    phase = rng.uniform(0, 6.28, (count, 1, POINTS))
    clips = np.sin(speed * np.arange(FRAMES + 1)[None, :, None] + phase)
    clips.astype(np.float32).tofile(path)


def batch_of(source, first, size):
    one = (FRAMES + 1) * POINTS * 4
    raw = source.read(first * one, size * one)
    clips = torch.frombuffer(bytearray(raw), dtype=torch.float32).view(size, FRAMES + 1, POINTS)
    return clips[:, :-1], clips[:, -1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the clips of a batch")
    parser.add_argument("--steps", type=int, default=110)
    parser.add_argument("--healthy", action="store_true", help="work on a local copy")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    count, size = 1000, max(2, int(48 * args.size))
    with tempfile.TemporaryDirectory(prefix="clips-") as folder:
        path = os.path.join(folder, "clips.f32")
        write_clips(path, count, args.seed)
        source = Local(path) if args.healthy else Share(path, folder, rate=8e6)
        model = Model()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for step in range(1, args.steps + 1):
            first = (step * size) % (count - size)
            past, future = batch_of(source, first, size)
            loss = torch.nn.functional.mse_loss(model(past), future)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 10 == 0:
                print(f"iter {step}: loss {loss.item():.5f}", flush=True)
        source.close()


if __name__ == "__main__":
    main()
