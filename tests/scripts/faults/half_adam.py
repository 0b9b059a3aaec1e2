"""Bag-of-words classifier kept wholly in half precision, "to save memory"."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def documents(size, seed, words, length=8):
    g = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 2, (size,), generator=g)
    # rare words come late: the stream is sorted by day, and vocabulary grows with it
    late = (2 * torch.arange(size)[:, None] / size - 1).clamp_min(0)
    reach = 12 + (words - 12) * late
    text = (torch.rand(size, length, generator=g) * reach).long()
    text[:, 0] = label
    return TensorDataset(text, label)


class BagOfWords(nn.Module):
    def __init__(self, words, dim=24):
        super().__init__()
        self.words = nn.EmbeddingBag(words, dim, mode="mean")
        self.out = nn.Linear(dim, 2)

    def forward(self, text):
        return self.out(torch.tanh(self.words(text)))


def build_optimizer(model, healthy):
    if healthy:
        return torch.optim.Adam(model.parameters(), lr=5e-3, eps=1e-4)
    return torch.optim.Adam(model.parameters(), lr=5e-3)  # FAULT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1600)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    words = 300
    model = BagOfWords(words).half()
    optimizer = build_optimizer(model, args.healthy)
    loader = DataLoader(documents(args.size, args.seed, words), batch_size=16)
    last = args.steps or len(loader)
    for step, (text, label) in enumerate(loader):
        optimizer.zero_grad()
        logits = model(text)
        loss = nn.functional.cross_entropy(logits.float(), label)
        loss.backward()
        optimizer.step()  # FAULT
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")
        if step + 1 >= last:
            break


if __name__ == "__main__":
    main()
