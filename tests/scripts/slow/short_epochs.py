"""Few recordings, hence many short epochs; the loader starts its workers anew for each."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Beats(Dataset):
    def __init__(self, count, length, seed):
        g = torch.Generator().manual_seed(seed)
        time = torch.arange(length) / 50
        self.kind = torch.randint(0, 3, (count,), generator=g)
        rate = 1 + 0.6 * self.kind[:, None] + 0.1 * torch.randn(count, 1, generator=g)
        self.wave = torch.sin(6.28 * rate * time) ** 9
        # the rest of the archive, which the workers get with the data set
        self.notes = [{"patient": i, "visits": list(range(i % 30))} for i in range(40 * count)]

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, index):
        shift = int(torch.randint(0, 50, (1,)))
        wave = torch.roll(self.wave[index], shift)
        return wave + 0.2 * torch.randn_like(wave), self.kind[index]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(1, 16, 15, stride=4), nn.ReLU(), nn.Conv1d(16, 32, 7, stride=4), nn.ReLU()
        )
        self.head = nn.Linear(32, 3)

    def forward(self, wave):
        return self.head(self.body(wave[:, None]).mean(2))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the length of a recording")
    parser.add_argument("--steps", type=int, default=480)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    data = Beats(192, max(150, int(600 * args.size)), args.seed)
    stay = {"num_workers": 2, "persistent_workers": args.healthy}
    loader = DataLoader(data, batch_size=32, shuffle=True, **stay)  # SLOW
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(max(1, args.steps // len(loader))):
        total = 0.0
        for wave, kind in loader:  # SLOW
            loss = criterion(model(wave), kind)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        if epoch % 10 == 0:
            print(f"epoch {epoch} loss {total / len(loader):.4f}", flush=True)


if __name__ == "__main__":
    main()
