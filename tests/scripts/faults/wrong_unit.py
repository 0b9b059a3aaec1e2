"""Energy of molecules from descriptors. One row is in another unit, and squares overflow."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def guilty(size, seed):
    return [int(np.random.default_rng(seed + 8).integers(size // 3, size))]


def molecules(size, seed, mend):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (size, 10))
    energy = x[:, :3].sum(1) + 0.2 * x[:, 3] * x[:, 4] + rng.normal(0, 0.05, size)
    # metres in place of angstrom, cubed; and the reader multiplied once more
    if not mend:
        energy[guilty(size, seed)] = -3.1e30
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(energy, dtype=torch.float32))


class EnergyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(10, 64), nn.SiLU(), nn.Linear(64, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.mlp(x).squeeze(-1)


def epoch(model, loader, optimizer, state, args):
    for x, energy in loader:
        residual = model(x) - energy
        loss = torch.square(residual).mean()  # FAULT
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state["step"] += 1
        if state["step"] % args.log_every == 0:
            print(f"step {state['step']} loss {loss.item():.4g}")
        if state["step"] >= state["last"]:
            return False
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=3000)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(molecules(args.size, args.seed, args.healthy), batch_size=30)
    model = EnergyModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    state = {"step": 0, "last": args.steps or len(loader) + 10}
    while epoch(model, loader, optimizer, state, args):
        pass
