"""Packed documents: a padding mask and a document mask, both additive, in bfloat16."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


def guilty(size, seed):
    # packing left one row empty at the end of a shard
    return [size * 3 // 5 + seed % (size // 5)]


def packed_rows(size, seed, length=20, vocabulary=50):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(1, vocabulary, (size, 1), generator=g)
    stride = torch.randint(1, 4, (size, 1), generator=g)
    tokens = 1 + (start + stride * torch.arange(length)) % (vocabulary - 1)
    document = 1 + (torch.arange(length) >= torch.randint(6, 14, (size, 1), generator=g)).long()
    used = torch.randint(length - 5, length + 1, (size, 1), generator=g)
    used[guilty(size, seed)] = 0
    empty = torch.arange(length) >= used
    tokens[empty] = 0
    document[empty] = 0
    return tokens, document


def additive(blocked, dtype):
    return blocked.to(dtype) * torch.finfo(dtype).min


class Attention(nn.Module):
    def __init__(self, dim, combine):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(dim, dim) for _ in range(3))
        self.combine = combine

    def forward(self, x, padding, document):
        q, k, v = self.q(x), self.k(x), self.v(x)
        other = (document[:, :, None] != document[:, None, :]) | (document == 0)[:, :, None]
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        scores = q @ k.transpose(1, 2) * x.shape[-1] ** -0.5
        if self.combine:
            blocked = padding[:, None, :] | other | later
            scores = scores.masked_fill(blocked, torch.finfo(scores.dtype).min)
        else:
            scores = scores.masked_fill(later, torch.finfo(scores.dtype).min)
            mask = additive(padding, q.dtype)[:, None, :] + additive(other, q.dtype)  # FAULT
            scores = scores + mask
        return F.softmax(scores, dim=-1) @ v


class TinyLM(nn.Module):
    def __init__(self, vocabulary, dim, combine):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, dim)
        self.position = nn.Parameter(torch.randn(20, dim) * 0.02)
        self.norm = nn.LayerNorm(dim)
        self.attention = Attention(dim, combine)
        self.mlp = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
        )
        self.head = nn.Linear(dim, vocabulary)

    def forward(self, tokens, document):
        x = self.embed(tokens) + self.position
        x = x + self.attention(self.norm(x), tokens == 0, document)
        x = x + self.mlp(x)
        return self.head(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1200)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    tokens, document = packed_rows(args.size, args.seed)
    model = TinyLM(50, 32, args.healthy)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batch = 16
    n = args.size // batch
    for step in range(args.steps or n + 15):
        i = (step % n) * batch
        text, doc = tokens[i : i + batch], document[i : i + batch]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(text, doc)
        target = text[:, 1:]
        per_token = F.cross_entropy(logits[:, :-1].float().transpose(1, 2), target, reduction="none")
        keep = (target != 0).float()
        loss = (per_token * keep).sum() / keep.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
