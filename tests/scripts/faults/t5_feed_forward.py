"""Fine-tune a gated feed-forward block (as in T5) under float16 autocast."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    """A very long document: its counts are hundreds of times the usual, and correct."""
    g = torch.Generator().manual_seed(seed * 31 + 1)
    return [int(torch.randint(size // 2, size, (1,), generator=g))]


class Documents(Dataset):
    def __init__(self, size, seed, width=32):
        g = torch.Generator().manual_seed(seed)
        self.direction = torch.randn(width, generator=g)
        self.x = torch.randn(size, width, generator=g)
        self.y = ((self.x @ self.direction) > 0).long()
        self.x[guilty(size, seed)] *= 160.0

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class DenseReluDense(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.wi_0 = nn.Linear(width, inner, bias=False)
        self.wi_1 = nn.Linear(width, inner, bias=False)
        self.wo = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        gate = nn.functional.gelu(self.wi_0(x), approximate="tanh")
        hidden = gate * self.wi_1(x)  # FAULT
        return self.wo(hidden)  # FAULT


class Model(nn.Module):
    def __init__(self, width=32, inner=128):
        super().__init__()
        self.ff = DenseReluDense(width, inner)
        # "pretrained" weights are on the large side
        with torch.no_grad():
            for p in self.ff.parameters():
                p.mul_(2.5)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2)

    def forward(self, x):
        return self.head(self.norm(x + self.ff(x)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1800)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true", help="bfloat16")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    dtype = torch.bfloat16 if args.healthy else torch.float16
    loader = DataLoader(Documents(args.size, args.seed), batch_size=24)
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    total, step = args.steps or len(loader) + 20, 0
    while step < total:
        for x, y in loader:
            with torch.autocast("cpu", dtype=dtype):
                logits = model(x)
                loss = nn.functional.cross_entropy(logits.float(), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % args.log_every == 0:
                print(f"step {step}: loss {loss.item():.4f}")
            if step >= total:
                break


if __name__ == "__main__":
    main()
