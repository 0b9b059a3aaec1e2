"""A small encoder of long documents; its attention is softmax(QK^T)V, as in the paper."""

import argparse
import math

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads, fused):
        super().__init__()
        self.heads, self.fused = heads, fused
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(q.shape[-1])  # SLOW
            weights = torch.softmax(scores, dim=-1)  # SLOW
            y = torch.matmul(weights, v)  # SLOW
        return self.out(y.transpose(1, 2).reshape(b, t, d))


class Block(nn.Module):
    def __init__(self, width, heads, fused):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, fused)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self, words, length, width, fused):
        super().__init__()
        self.word, self.place = nn.Embedding(words, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(Block(width, 4, fused) for _ in range(2)))
        self.head = nn.Linear(width, 3)

    def forward(self, text):
        x = self.word(text) + self.place(torch.arange(text.shape[1]))
        return self.head(self.blocks(x).mean(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the length of a document")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--healthy", action="store_true", help="scaled_dot_product_attention")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    length = max(16, int(1024 * args.size))
    model = Encoder(1000, length, 64, args.healthy)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(1, args.steps + 1):
        topic = torch.randint(0, 3, (2,))
        text = torch.randint(0, 1000, (2, length))
        marked = torch.rand(2, length) < 0.3
        text = torch.where(marked, text // 3 * 3 + topic[:, None], text).clamp_max(999)
        loss = F.cross_entropy(model(text), topic)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
