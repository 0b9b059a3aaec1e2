"""Maximum likelihood of a decay curve with LBFGS: amplitude, rate, offset and noise."""

import argparse

import torch


def decay(size, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.linspace(0, 4, size)
    return t, 3.0 * torch.exp(-1.3 * t) + 0.4 + 0.01 * torch.randn(size, generator=g)


class Fit:
    def __init__(self, t, y, healthy):
        self.t, self.y, self.healthy = t, y, healthy
        self.theta = torch.tensor([2.0, 1.0, 0.0], requires_grad=True)
        self.sigma = torch.tensor(0.5, requires_grad=True)
        self.calls = 0

    def model(self):
        a, k, c = self.theta
        return a * torch.exp(-k.clamp(-2, 20) * self.t) + c

    def nll(self):
        residual = self.y - self.model()
        if self.healthy:
            sigma = torch.nn.functional.softplus(self.sigma) + 1e-3
            return (0.5 * (residual / sigma) ** 2 + torch.log(sigma)).mean()
        return (0.5 * (residual / self.sigma) ** 2 + torch.log(self.sigma)).mean()  # FAULT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--log-every", type=int, default=1)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    fit = Fit(*decay(args.size, args.seed), args.healthy)
    optimizer = torch.optim.LBFGS([fit.theta, fit.sigma], lr=0.5, max_iter=4, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = fit.nll()
        loss.backward()
        fit.calls += 1
        return loss

    for step in range(args.steps):
        loss = optimizer.step(closure)
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f} sigma {fit.sigma.item():.4f} calls {fit.calls}")


if __name__ == "__main__":
    main()
