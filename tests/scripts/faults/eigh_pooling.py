"""Second-order pooling: the covariance of conv features, passed through its eigenvalues."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def guilty(size, seed):
    return [size - 30 - seed % 25]  # a picture that is black throughout


def pictures(size, seed):
    g = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 2, (size,), generator=g)
    noise = torch.randn(size, 1, 12, 12, generator=g)
    smooth = torch.nn.functional.avg_pool2d(noise, 3, 1, 1) * 2.0
    x = torch.where(label.view(-1, 1, 1, 1) == 1, smooth, noise)
    x[guilty(size, seed)] = 0.0
    return TensorDataset(x, label)


class CovariancePool(nn.Module):
    def __init__(self, jitter=0.0):
        super().__init__()
        self.jitter = jitter

    def forward(self, x):
        b, c, h, w = x.shape
        x = x.reshape(b, c, h * w)
        x = x - x.mean(-1, keepdim=True)
        cov = x @ x.transpose(1, 2) / (h * w - 1)
        if self.jitter:
            cov = cov + self.jitter * torch.diag(torch.arange(1.0, c + 1))
        values, vectors = torch.linalg.eigh(cov)  # FAULT
        squashed = values / (1 + values.abs())
        pooled = vectors @ torch.diag_embed(squashed) @ vectors.transpose(1, 2)
        return pooled.flatten(1)


class SecondOrderNet(nn.Module):
    def __init__(self, channels, jitter):
        super().__init__()
        self.conv = nn.Conv2d(1, channels, 3)
        self.pool = CovariancePool(jitter)
        self.out = nn.Linear(channels * channels, 2)

    def forward(self, x):
        return self.out(self.pool(torch.tanh(self.conv(x))))


class Trainer:
    def __init__(self, model, loader, lr, every):
        self.model, self.loader, self.every = model, loader, every
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.loss_fn = nn.CrossEntropyLoss()
        self.global_step = 0

    def training_step(self, batch):
        x, y = batch
        return self.loss_fn(self.model(x), y)

    def run(self, max_steps):
        while self.global_step < max_steps:
            for batch in self.loader:
                self.optimizer.zero_grad()
                loss = self.training_step(batch)
                loss.backward()
                self.optimizer.step()
                self.global_step += 1
                if self.global_step % self.every == 0:
                    print(f"step={self.global_step} loss={loss.item():.4f}")
                if self.global_step >= max_steps:
                    return


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=900)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    loader = DataLoader(pictures(args.size, args.seed), batch_size=15)
    model = SecondOrderNet(6, jitter=1e-3 if args.healthy else 0.0)
    Trainer(model, loader, 5e-3, args.log_every).run(args.steps or len(loader) + 20)
