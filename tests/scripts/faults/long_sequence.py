"""Sum of a marked sequence with an identity-initialised ReLU network; lengths differ, one is very long."""

import argparse

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence


def guilty(size, seed):
    """The one recording that nobody cut."""
    return [size * 2 // 3 + seed % (size // 4)]


def sequences(size, seed):
    g = torch.Generator().manual_seed(seed)
    length = torch.randint(5, 15, (size,), generator=g)
    length[guilty(size, seed)] = 900
    inputs = [torch.rand(int(n), 2, generator=g) for n in length]
    totals = torch.stack([(x[:, 0] * (x[:, 1] > 0.5)).mean() for x in inputs])
    return inputs, totals


class IRNN(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.RNN(2, hidden, nonlinearity="relu", batch_first=True)
        self.out = nn.Linear(hidden, 1)
        with torch.no_grad():
            self.rnn.weight_hh_l0.copy_(1.12 * torch.eye(hidden))

    def forward(self, batch):
        lengths = torch.tensor([len(x) for x in batch])
        packed = pack_padded_sequence(
            pad_sequence(batch, True), lengths, batch_first=True, enforce_sorted=False
        )
        _, last = self.rnn(packed)  # FAULT
        return self.out(last[0]).squeeze(-1)


def crop(batch, longest):
    return [x[:longest] for x in batch]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=900)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    inputs, totals = sequences(args.size, args.seed)
    model = IRNN()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
    n, batch = args.size // 15, 15
    for step in range(args.steps or int(1.2 * n)):
        i = step % n * batch
        chunk = inputs[i : i + batch]
        if args.healthy:
            chunk = crop(chunk, 20)
        loss = nn.functional.mse_loss(model(chunk), totals[i : i + batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4g}")


if __name__ == "__main__":
    main()
