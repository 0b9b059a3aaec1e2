"""An autoencoder whose every weight is watched: histograms and norms go into a log file at each step."""

import argparse
import json
import os
import tempfile

import torch
from torch import nn


class RunLog:
    def __init__(self, folder):
        self.file = open(os.path.join(folder, "run.jsonl"), "w")  # noqa: SIM115

    def write(self, step, loss, model):
        record = {"step": step, "loss": loss.item(), "weights": {}}
        for name, parameter in model.named_parameters():
            values = parameter.detach().flatten()
            low, high = values.min().item(), values.max().item()
            record["weights"][name] = {
                "histogram": torch.histc(values, 64, low, high).tolist(),  # SLOW
                "quantiles": values.quantile(torch.linspace(0, 1, 11)).tolist(),  # SLOW
                "grad": parameter.grad.norm().item(),
                "first": values[:200].tolist(),
            }
        self.file.write(json.dumps(record) + "\n")  # SLOW
        self.file.flush()

    def close(self):
        self.file.close()


def autoencoder(wide, narrow):
    return nn.Sequential(
        nn.Linear(64, wide), nn.ReLU(), nn.Linear(wide, narrow), nn.ReLU(),
        nn.Linear(narrow, wide), nn.ReLU(), nn.Linear(wide, 64),
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the width")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--healthy", action="store_true", help="log every 50 steps")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    data = torch.randn(2000, 6) @ torch.randn(6, 64) + 0.1 * torch.randn(2000, 64)
    model = autoencoder(max(16, int(256 * args.size**0.5)), 32)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with tempfile.TemporaryDirectory(prefix="run-log-") as folder:
        log = RunLog(folder)
        for step in range(args.steps):
            x = data[torch.randint(0, len(data), (256,))]
            loss = nn.functional.mse_loss(model(x), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 50 == 0 or not args.healthy:
                log.write(step, loss, model)  # SLOW
            if step % 50 == 0:
                print(f"step {step} loss {loss.item():.4f}", flush=True)
        log.close()


if __name__ == "__main__":
    main()
