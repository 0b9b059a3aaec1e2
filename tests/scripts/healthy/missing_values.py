"""Sensor data with holes: NaN in the data is expected, imputed in the model and left out of the loss."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Imputer(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.fill = nn.Parameter(torch.zeros(features))
        self.net = nn.Sequential(nn.Linear(2 * features, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, x):
        missing = torch.isnan(x)
        x = torch.where(missing, self.fill, x)
        return self.net(torch.cat([x, missing.float()], 1)).squeeze(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x = rng.normal(3, 1, (args.size, 6)).astype("float32")
    y = (x[:, 0] - x[:, 1] + 0.3 * x[:, 2]).astype("float32")
    x[rng.random(x.shape) < 0.1] = np.nan
    y[rng.random(args.size) < 0.05] = np.nan
    x = (x - np.nanmean(x, 0)) / np.nanstd(x, 0)
    loader = DataLoader(TensorDataset(torch.tensor(x), torch.tensor(y)), batch_size=40, shuffle=True)
    model, step = Imputer(6), 0
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    while step < args.steps:
        for xb, yb in loader:
            known = ~torch.isnan(yb)
            loss = (model(xb)[known] - yb[known]).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            if step % args.log_every == 0:
                print(f"step {step} loss {loss.item():.4f} mean of y {torch.nanmean(yb):.3f}")
            step += 1
            if step == args.steps:
                break


if __name__ == "__main__":
    main()
