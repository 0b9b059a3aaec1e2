"""Undoes a substitution cipher; after each batch, the edit distance of its words is worked out in Python."""

import argparse

import torch
from torch import nn

LETTERS = 26


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))  # SLOW
    return row[-1]


def error_rate(logits, target):
    guesses, truths = logits.argmax(-1).tolist(), target.tolist()
    total = sum(edit_distance(guess, truth) for guess, truth in zip(guesses, truths, strict=False))  # SLOW
    return total / target.numel()


class Decipher(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(LETTERS, width)
        self.rnn = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * width, LETTERS)

    def forward(self, text):
        return self.out(self.rnn(self.embed(text))[0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the length of a text")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--healthy", action="store_true", help="the error rate every 20 steps")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    key = torch.randperm(LETTERS)
    length = max(4, int(40 * args.size))
    model = Decipher()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(1, args.steps + 1):
        plain = torch.randint(0, LETTERS, (96, length))
        logits = model(key[plain])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), plain.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0 or not args.healthy:
            rate = error_rate(logits.detach(), plain)  # SLOW
        if step % 20 == 0:
            print(f"step {step} loss {loss.item():.4f} errors {rate:.3f}", flush=True)


if __name__ == "__main__":
    main()
