"""A word model with nn.LSTM; each batch goes on where the last one ended."""

import argparse

import torch
from torch import nn


class WordModel(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.embed = nn.Embedding(words, 128)
        self.rnn = nn.LSTM(128, width, num_layers=2, batch_first=True, dropout=0.1)
        self.out = nn.Linear(width, words)

    def forward(self, text, state=None):
        y, state = self.rnn(self.embed(text), state)
        return self.out(y), state


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the weights")
    parser.add_argument("--steps", type=int, default=70)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    words, rows, window = 1000, 48, 24
    table = torch.randint(0, words, (words, 4))
    text = [torch.randint(0, words, (rows,))]
    for _ in range(args.steps * window):
        text.append(table[text[-1], torch.randint(0, 4, (rows,))])
    text = torch.stack(text, 1)
    model = WordModel(words, max(32, int(256 * args.size**0.5)))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    state = None
    for step in range(args.steps):
        part = text[:, step * window : (step + 1) * window + 1]
        logits, state = model(part[:, :-1], state)
        state = tuple(s.detach() for s in state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 10 == 0:
            print(f"step {step} loss {loss.item():.3f}", flush=True)


if __name__ == "__main__":
    main()
