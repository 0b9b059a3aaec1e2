"""Sets of points per event, of different number: the collate function pads them in lists of lists."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

FIELDS = 6


class Events(Dataset):
    def __init__(self, count, most, seed):
        g = torch.Generator().manual_seed(seed)
        sizes = torch.randint(most // 2, most + 1, (count,), generator=g).tolist()
        self.kind = torch.randint(0, 2, (count,), generator=g).tolist()
        self.hits = [
            torch.randn(n, FIELDS, generator=g) + 0.3 * k for n, k in zip(sizes, self.kind, strict=False)
        ]

    def __len__(self):
        return len(self.hits)

    def __getitem__(self, index):
        return self.hits[index], self.kind[index]


def collate_lists(samples):
    longest = max(len(hits) for hits, _ in samples)
    rows, masks = [], []
    for hits, _ in samples:
        row = [[float(value) for value in hit] for hit in hits]  # SLOW
        row += [[0.0] * FIELDS for _ in range(longest - len(row))]
        rows.append(row)
        masks.append([1.0] * len(hits) + [0.0] * (longest - len(hits)))
    return torch.tensor(rows), torch.tensor(masks), torch.tensor([kind for _, kind in samples])  # SLOW


def collate_tensors(samples):
    hits = nn.utils.rnn.pad_sequence([hits for hits, _ in samples], batch_first=True)
    masks = nn.utils.rnn.pad_sequence([torch.ones(len(hits)) for hits, _ in samples], batch_first=True)
    return hits, masks, torch.tensor([kind for _, kind in samples])


class DeepSet(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(FIELDS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.all = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))

    def forward(self, hits, mask):
        mask = mask[..., None]
        return self.all((self.each(hits) * mask).sum(1) / mask.sum(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the hits of an event")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(
        Events(512, max(4, int(120 * args.size)), args.seed),
        batch_size=32,
        shuffle=True,
        collate_fn=collate_tensors if args.healthy else collate_lists,
    )
    model = DeepSet()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    step = 0
    while step < args.steps:
        for hits, mask, kind in loader:
            loss = nn.functional.cross_entropy(model(hits, mask), kind)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % 20 == 0:
                print(f"step {step} loss {loss.item():.4f}", flush=True)
            if step == args.steps:
                break


if __name__ == "__main__":
    main()
