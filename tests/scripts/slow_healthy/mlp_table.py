"""A network on a table, big enough to keep the processor at its matrices."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the weights")
    parser.add_argument("--steps", type=int, default=250)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    width = max(64, int(768 * args.size**0.5))
    x = torch.randn(16384, 40)
    y = torch.tanh(x[:, :1] * x[:, 1:2]) + 0.1 * torch.randn(len(x), 1)
    loader = DataLoader(TensorDataset(x, y), batch_size=256, shuffle=True)
    model = nn.Sequential(
        nn.Linear(40, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    step = 0
    while step < args.steps:
        for rows, target in loader:
            loss = nn.functional.mse_loss(model(rows), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % 25 == 0:
                print(f"step {step} loss {loss.item():.4f}", flush=True)
            if step == args.steps:
                break


if __name__ == "__main__":
    main()
