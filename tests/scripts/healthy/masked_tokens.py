"""Masked language model: few tokens count, the others have the label -100."""

import argparse

import torch
from torch import nn


class Tiny(nn.Module):
    def __init__(self, words=30, dim=32):
        super().__init__()
        self.embed = nn.Embedding(words + 1, dim)
        layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(dim, words)

    def forward(self, ids):
        return self.head(self.encoder(self.embed(ids)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=600)
    parser.add_argument("--steps", type=int, default=90)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    text = (torch.randint(0, 30, (args.size, 1)) + torch.arange(10)) % 30
    model = Tiny()
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for step in range(args.steps):
        ids = text[torch.randint(0, args.size, (16,))]
        hidden = torch.rand(ids.shape) < 0.15
        hidden[0, 3] = True
        labels = ids.masked_fill(~hidden, -100)
        logits = model(ids.masked_fill(hidden, 30))
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), labels)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
