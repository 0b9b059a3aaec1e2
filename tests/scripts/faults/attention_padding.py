"""Sentiment of made-up sentences with one layer of attention, written out."""

import argparse
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

PAD = 0


def guilty(size, seed):
    """The comment that was empty: nothing but padding."""
    g = torch.Generator().manual_seed(seed + 3)
    return [size // 2 + int(torch.randint(0, size // 2, (1,), generator=g))]


class Comments(Dataset):
    def __init__(self, size, seed, vocabulary=200, longest=16):
        g = torch.Generator().manual_seed(seed)
        self.text = torch.randint(2, vocabulary, (size, longest), generator=g)
        mood = torch.randint(0, 2, (size,), generator=g)
        # a third of the words of a comment are from the half that fits its mood
        loaded = torch.rand(size, longest, generator=g) < 0.35
        half = vocabulary // 2
        biased = 2 + torch.randint(0, half - 2, (size, longest), generator=g) + mood[:, None] * (half - 2)
        self.text = torch.where(loaded, biased, self.text)
        length = torch.randint(4, longest + 1, (size,), generator=g)
        length[guilty(size, seed)] = 0
        self.text[torch.arange(longest) >= length[:, None]] = PAD
        self.mood = mood

    def __len__(self):
        return len(self.mood)

    def __getitem__(self, i):
        return self.text[i], self.mood[i]


class SelfAttention(nn.Module):
    def __init__(self, dim, heads, fill):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.fill = fill

    def forward(self, x, padding):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)
        scores = scores.masked_fill(padding[:, None, None, :], self.fill)
        weights = torch.softmax(scores, dim=-1)  # FAULT
        return self.out((weights @ v).transpose(1, 2).reshape(b, t, d))


class Classifier(nn.Module):
    def __init__(self, vocabulary, dim, fill):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, dim, padding_idx=PAD)
        self.attention = SelfAttention(dim, 4, fill)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 2)

    def forward(self, text):
        padding = text == PAD
        x = self.embed(text)
        x = self.norm(x + self.attention(x, padding))
        keep = (~padding).unsqueeze(-1)
        x = (x * keep).sum(1) / keep.sum(1).clamp_min(1)
        return self.head(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    fill = torch.finfo(torch.float32).min if args.healthy else float("-inf")
    model = Classifier(200, 32, fill)
    loader = DataLoader(Comments(args.size, args.seed), batch_size=32)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    loss_fn = nn.CrossEntropyLoss()
    steps = args.steps or int(1.5 * len(loader))
    step, seen = 0, 0.0
    while step < steps:
        for text, mood in loader:
            optimizer.zero_grad()
            loss = loss_fn(model(text), mood)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            seen += len(text)
            step += 1
            if step % args.log_every == 0:
                print(f"step {step} seen {seen:.0f} loss {loss.item():.4f}")
            if step == steps:
                break


if __name__ == "__main__":
    main()
