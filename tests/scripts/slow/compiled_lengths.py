"""A compiled tagger; each batch is padded to its own longest sentence."""

import argparse

import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self, words=500, width=64, tags=8):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.mix = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, tags)

    def forward(self, text):
        x = self.embed(text)
        for layer in self.mix:
            before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
            x = x + torch.tanh(layer(x + 0.5 * before))
        return self.out(x)


def sentences(rng, longest, pad_to):
    length = int(torch.randint(longest // 2, longest + 1, (1,), generator=rng))
    text = torch.randint(1, 500, (32, length), generator=rng)
    tags = (text + torch.roll(text, 1, 1)) % 8
    if pad_to:
        text = nn.functional.pad(text, (0, pad_to - length))
        tags = nn.functional.pad(tags, (0, pad_to - length), value=-100)
    return text, tags


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the length of the sentences")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--healthy", action="store_true", help="pad all batches to one length")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = torch.Generator().manual_seed(args.seed)
    longest = max(8, int(60 * args.size))
    model = Tagger()
    compiled = torch.compile(model, dynamic=False)  # SLOW
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(1, args.steps + 1):
        text, tags = sentences(rng, longest, longest if args.healthy else None)
        loss = nn.functional.cross_entropy(compiled(text).flatten(0, 1), tags.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
