"""A denoising autoencoder in the style of Lightning: a module with hooks, and a trainer that calls them."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Module(nn.Module):
    def training_step(self, batch, index):
        raise NotImplementedError

    def validation_step(self, batch, index):
        return None

    def configure_optimizers(self):
        raise NotImplementedError


class Denoiser(Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, width // 4))
        self.decoder = nn.Sequential(
            nn.GELU(), nn.Linear(width // 4, width), nn.GELU(), nn.Linear(width, inputs)
        )

    def training_step(self, batch, index):
        (clean,) = batch
        return nn.functional.mse_loss(
            self.decoder(self.encoder(clean + 0.3 * torch.randn_like(clean))), clean
        )

    def validation_step(self, batch, index):
        (clean,) = batch
        return nn.functional.mse_loss(self.decoder(self.encoder(clean)), clean)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=5e-4)


class Trainer:
    def __init__(self, max_steps, log_every):
        self.max_steps, self.log_every = max_steps, log_every
        self.global_step = 0

    def fit(self, module, train, valid):
        optimizer = module.configure_optimizers()
        while self.global_step < self.max_steps:
            for index, batch in enumerate(train):
                optimizer.zero_grad()
                loss = module.training_step(batch, index)
                loss.backward()
                optimizer.step()
                self.global_step += 1
                if self.global_step % self.log_every == 0:
                    print(f"step {self.global_step} loss {loss.item():.4f}", flush=True)
                if self.global_step >= self.max_steps:
                    break
            self.validate(module, valid)

    @torch.no_grad()
    def validate(self, module, valid):
        module.eval()
        losses = [module.validation_step(batch, index).item() for index, batch in enumerate(valid)]
        module.train()
        print(f"validation loss {sum(losses) / len(losses):.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the weights")
    parser.add_argument("--steps", type=int, default=160)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    mix = torch.randn(20, 384) / 4
    sets = [TensorDataset(torch.randn(count, 20) @ mix) for count in (12_800, 512)]
    train, valid = DataLoader(sets[0], 256, shuffle=True), DataLoader(sets[1], 256)
    Trainer(args.steps, 20).fit(Denoiser(384, max(32, int(1536 * args.size**0.5) // 4 * 4)), train, valid)


if __name__ == "__main__":
    main()
