"""Echo state with learned weights: predict a wave from itself, SGD with momentum."""

import argparse
import math

import torch
from torch import nn


class Wave(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, batch_first=True, nonlinearity="tanh")
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.head(h)


def waves(size, seed, length=25):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(length + 1)
    phase = 2 * math.pi * torch.rand(size, 1, generator=g)
    rate = 0.2 + 0.3 * torch.rand(size, 1, generator=g)
    x = torch.sin(phase + rate * t) + 0.05 * torch.randn(size, length + 1, generator=g)
    return x.unsqueeze(-1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    data = waves(args.size, args.seed)
    net = Wave()
    lr = 0.01 if args.healthy else 0.9
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)  # FAULT
    batch = 20
    for step in range(args.steps):
        i = step * batch % (args.size - batch)
        series = data[i : i + batch]
        loss = nn.functional.mse_loss(net(series[:, :-1]), series[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()  # FAULT
        if step % args.log_every == 0:
            print(f"step {step}, loss {loss.item():.5g}")
