"""Read made-up words from strips of pixels with CTC."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    # a word of eleven equal letters: it needs more frames than the stride leaves
    return [size - 1 - (seed * 11 + 40) % (size // 3)]


class Strips(Dataset):
    letters = 6
    frames = 32

    def __init__(self, size, seed):
        self.g = torch.Generator().manual_seed(seed)
        self.shape = torch.randn(self.letters + 1, 8, generator=self.g)
        self.words = [
            torch.randint(
                1, self.letters + 1, (int(torch.randint(2, 6, (1,), generator=self.g)),), generator=self.g
            )
            for _ in range(size)
        ]
        for i in guilty(size, seed):
            self.words[i] = torch.full((11,), 3)

    def __len__(self):
        return len(self.words)

    def __getitem__(self, i):
        word = self.words[i]
        at = (torch.arange(self.frames) * len(word)) // self.frames
        noise = torch.Generator().manual_seed(i)
        strip = self.shape[word[at]] + 0.2 * torch.randn(self.frames, 8, generator=noise)
        return strip.T, word


def collate(items):
    strips, words = zip(*items, strict=False)
    return torch.stack(strips), torch.cat(words), torch.tensor([len(w) for w in words])


class Reader(nn.Module):
    def __init__(self, letters):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(8, 32, 3, stride=2, padding=1), nn.ReLU())
        self.rnn = nn.GRU(32, 24, bidirectional=True)
        self.out = nn.Linear(48, letters + 1)

    def forward(self, strips):
        x = self.conv(strips).permute(2, 0, 1)
        return self.out(self.rnn(x)[0]).log_softmax(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(Strips(args.size, args.seed), batch_size=16, collate_fn=collate)
    model = Reader(Strips.letters)
    ctc = nn.CTCLoss(blank=0, zero_infinity=args.healthy)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    total, step = args.steps or len(loader) + 8, 0
    while step < total:
        for strips, words, lengths in loader:
            log_p = model(strips)
            frames = torch.full((len(lengths),), len(log_p))
            loss = ctc(log_p, words, frames, lengths)  # FAULT
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            if step % args.log_every == 0:
                print(f"step {step} ctc loss {loss.item():.4f}")
            step += 1
            if step >= total:
                break


if __name__ == "__main__":
    main()
