"""Train a small regressor of sensor noise with Lightning; one reading is exactly zero."""

import argparse

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def guilty(size, seed):
    return [size * 3 // 4 + seed * 7 % (size // 8)]


class Signals(Dataset):
    def __init__(self, size, seed):
        g = torch.Generator().manual_seed(seed)
        self.x = torch.randn(size, 8, generator=g)
        self.energy = self.x.square().sum(1, keepdim=True)
        self.energy[guilty(size, seed)] = 0.0

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.energy[i]


class Regressor(L.LightningModule):
    def __init__(self, lr, healthy):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
        self.lr = lr
        self.eps = 1e-3 if healthy else 0.0

    def training_step(self, batch, batch_idx):
        x, energy = batch
        loss = nn.functional.mse_loss(self.net(x), torch.log(energy + self.eps))  # FAULT
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1600)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    parser.add_argument("--folder", default=".")
    args = parser.parse_args()
    L.seed_everything(args.seed)
    loader = DataLoader(Signals(args.size, args.seed), batch_size=16, num_workers=0)
    trainer = L.Trainer(
        max_steps=args.steps or args.size // 16, accelerator="cpu", log_every_n_steps=args.log_every,
        gradient_clip_val=1.0, default_root_dir=args.folder, max_epochs=-1,
    )  # fmt: skip
    trainer.fit(Regressor(3e-3, args.healthy), loader)
    print("final loss", float(trainer.callback_metrics["train_loss"]))


if __name__ == "__main__":
    main()
