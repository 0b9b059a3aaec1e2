"""Translates number words, with the gradients of four batches added up before each update."""

import argparse

import torch
from torch import nn

PARTS = 4


class Model(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = nn.Embedding(32, width)
        layer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.place = nn.Parameter(0.02 * torch.randn(48, width))
        self.out = nn.Linear(width, 32)

    def forward(self, text):
        return self.out(self.encoder(self.embed(text) + self.place[: text.shape[1]]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the weights")
    parser.add_argument("--steps", type=int, default=40, help="updates")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model = Model(max(16, int(160 * args.size**0.5) // 16 * 16))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(1, args.steps + 1):
        optimizer.zero_grad()
        total = 0.0
        for _ in range(PARTS):
            text = torch.randint(0, 32, (16, 48))
            target = (torch.roll(text, 1, 1) + text) % 32
            loss = nn.functional.cross_entropy(model(text).flatten(0, 1), target.flatten()) / PARTS
            loss.backward()
            total += loss.item()
        optimizer.step()
        if step % 5 == 0:
            print(f"update {step} loss {total:.4f}", flush=True)


if __name__ == "__main__":
    main()
