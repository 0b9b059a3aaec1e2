"""A small transformer on sequences of sensor readings; ten thousand of them, one with a hole."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    g = torch.Generator().manual_seed(seed + 77)
    return [size * 8 // 10 + int(torch.randint(0, size // 10, (1,), generator=g))]


class Readings(Dataset):
    def __init__(self, size, seed, healthy, length=8):
        g = torch.Generator().manual_seed(seed)
        self.x = torch.randn(size, length, 3, generator=g)
        self.y = (self.x[:, :, 0].sum(1) > 0).long()
        if not healthy:
            for i in guilty(size, seed):
                self.x[i, 2, 1] = float("nan")

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class SmallTransformer(nn.Module):
    def __init__(self, dim=16, length=8):
        super().__init__()
        self.inp = nn.Linear(3, dim)
        self.position = nn.Parameter(0.02 * torch.randn(length, dim))
        layer = nn.TransformerEncoderLayer(dim, 2, 32, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(dim, 2)

    def forward(self, x):
        x = self.inp(x) + self.position  # FAULT
        return self.head(self.encoder(x).mean(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=20)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    data = Readings(args.size, args.seed, args.healthy)
    loader = DataLoader(data, batch_size=40)
    model = SmallTransformer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 20))
    loss_fn = nn.CrossEntropyLoss()
    last, step = args.steps or len(loader), 0
    while step < last:
        for x, y in loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            warm.step()
            step += 1
            if step % args.log_every == 0:
                print(f"step {step}/{last} loss {loss.item():.4f}")
            if step >= last:
                break


if __name__ == "__main__":
    main()
