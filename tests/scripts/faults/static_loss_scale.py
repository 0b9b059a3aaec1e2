"""float16 training with a loss scale fixed by hand, on the processor."""

import argparse

import torch
from torch import nn

SCALE = 2.0**14


def wells(size, seed):
    """Water levels; after a flood they are far above what they were."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 6, generator=g)
    level = x @ torch.tensor([1.0, -0.5, 0.2, 0.0, 0.7, 0.1]) + 0.1 * torch.randn(size, generator=g)
    flood = (torch.arange(size) > 0.6 * size).float()
    x[:, 5] += 2 * flood  # the gauge upstream
    return x, level + 9.0 * flood


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 64)
        self.b = nn.Linear(64, 64)
        self.c = nn.Linear(64, 1)

    def forward(self, x):
        x = torch.relu(self.a(x))
        x = torch.relu(self.b(x))
        return self.c(x).squeeze(1)


def scaled_step(net, optimizer, x, y, scale):
    with torch.autocast("cpu", dtype=torch.float16):
        error = net(x) - y.half()
        loss = (error * error).mean()
    optimizer.zero_grad()
    (loss * scale).backward()  # FAULT
    for p in net.parameters():
        p.grad.div_(scale)
    optimizer.step()
    return loss


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1600)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x, level = wells(args.size, args.seed)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    scale = 8.0 if args.healthy else SCALE
    n = 16
    for step in range(args.steps or 3 * args.size // n):
        i = step * n % (args.size - n)
        loss = scaled_step(net, optimizer, x[i : i + n], level[i : i + n], scale)
        if step % args.log_every == 0:
            print(f"step {step:4d} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
