"""Encoder over sentences of different length; padding is masked with -inf, every row has a word."""

import argparse
import math

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence


def sentences(size, seed):
    g = torch.Generator().manual_seed(seed)
    out = []
    for _ in range(size):
        n = int(torch.randint(1, 12, (1,), generator=g))
        out.append(torch.randint(1, 30, (n,), generator=g))
    return out, torch.tensor([int(s.max() > 25) for s in out])


class Encoder(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.embed = nn.Embedding(30, dim, padding_idx=0)
        self.q, self.k, self.v = (nn.Linear(dim, dim) for _ in range(3))
        self.out = nn.Linear(dim, 2)

    def forward(self, ids):
        x = self.embed(ids)
        empty = ids == 0
        scores = self.q(x) @ self.k(x).transpose(1, 2) / math.sqrt(x.shape[-1])
        scores = scores.masked_fill(empty[:, None], -torch.inf)
        x = x + torch.softmax(scores, -1) @ self.v(x)
        return self.out(x.masked_fill(empty[..., None], -torch.inf).amax(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    text, label = sentences(args.size, args.seed)
    model = Encoder()
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(args.steps):
        rows = torch.randint(0, args.size, (32,)).tolist()
        ids = pad_sequence([text[i] for i in rows], batch_first=True)
        loss = nn.functional.cross_entropy(model(ids), label[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
