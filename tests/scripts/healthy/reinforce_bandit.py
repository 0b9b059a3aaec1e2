"""REINFORCE on a bandit with a running baseline; one pull a step, noisy."""

import argparse

import torch
from torch.distributions import Categorical


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=10)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    pays = torch.linspace(0, 1, args.size)[torch.randperm(args.size)]
    preference = torch.zeros(args.size, requires_grad=True)
    opt = torch.optim.SGD([preference], lr=0.3)
    baseline = 0.0
    for step in range(args.steps):
        policy = Categorical(logits=preference)
        arm = policy.sample((8,))
        reward = pays[arm] + 0.3 * torch.randn(8)
        loss = -(policy.log_prob(arm) * (reward - baseline)).mean()
        baseline = 0.9 * baseline + 0.1 * reward.mean().item()
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.4f} reward {baseline:.3f}")


if __name__ == "__main__":
    main()
