"""Choose features with a Gumbel softmax whose temperature is annealed."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def data(size, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 12, generator=g)
    y = 1.5 * x[:, 4] - x[:, 9] + 0.1 * torch.randn(size, generator=g)
    return TensorDataset(x, y)


class Chooser(nn.Module):
    def __init__(self, features, picks):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(picks, features))
        self.net = nn.Sequential(nn.Linear(picks, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x, temperature):
        uniform = torch.rand_like(self.logits).clamp(1e-6, 1 - 1e-6)
        noisy = self.logits - torch.log(-torch.log(uniform))
        choice = torch.softmax(noisy / temperature, dim=-1)  # FAULT
        return self.net(x @ choice.T).squeeze(-1)


def temperature_at(step, total, lowest):
    """Linear from 2 down to the lowest."""
    return max(lowest, 2.0 * (1 - step / (0.75 * total)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(data(args.size, args.seed), batch_size=40, shuffle=True)
    model = Chooser(12, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    lowest = 0.1 if args.healthy else 0.0
    step = 0
    while step < args.steps:
        for x, y in loader:
            tau = temperature_at(step, args.steps, lowest)
            loss = nn.functional.mse_loss(model(x, tau), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % args.log_every == 0:
                print(f"step {step} loss {loss.item():.4f} temperature {tau:.3f}")
            step += 1
            if step >= args.steps:
                break


if __name__ == "__main__":
    main()
