"""A character model that is saved every five steps, with its optimiser."""

import argparse
import os
import tempfile

import torch
from torch import nn


class CharModel(nn.Module):
    def __init__(self, letters, width):
        super().__init__()
        self.embed = nn.Embedding(letters, 64)
        self.rnn = nn.LSTM(64, width, batch_first=True)
        self.out = nn.Linear(width, letters)

    def forward(self, text):
        return self.out(self.rnn(self.embed(text))[0])


class Trainer:
    def __init__(self, model, folder, save_every):
        self.model, self.folder, self.save_every = model, folder, save_every
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        self.step = 0

    def save(self):
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        path = os.path.join(self.folder, f"last-{self.step // self.save_every % 2}.pt")
        with open(path, "wb") as file:
            torch.save(state, file)  # SLOW
            file.flush()
            os.fsync(file.fileno())  # SLOW

    def fit(self, text, steps):
        while self.step < steps:
            start = torch.randint(0, len(text) - 17, (4,))
            rows = torch.stack([text[s : s + 17] for s in start.tolist()])
            logits = self.model(rows[:, :-1])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.step += 1
            if self.step % 20 == 0:
                print(f"step {self.step}: loss {loss.item():.3f}", flush=True)
            if self.step % self.save_every == 0:
                self.save()  # SLOW


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the weights")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--save-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true", help="save every 100 steps")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    song = "row row row your boat gently down the stream merrily merrily life is but a dream "
    letters = sorted(set(song))
    text = torch.tensor([letters.index(c) for c in song * 40])
    with tempfile.TemporaryDirectory(prefix="char-model-") as folder:
        model = CharModel(len(letters), max(32, int(640 * args.size**0.5)))
        Trainer(model, folder, 100 if args.healthy else args.save_every).fit(text, args.steps)


if __name__ == "__main__":
    main()
