"""Policy gradient on a bandit whose payouts dry up; everything after the rollout is in half precision."""

import argparse

import torch
from torch import nn


class Bandit:
    """Arms that pay until the casino closes; after that nothing pays at all."""

    def __init__(self, arms, closes, generator):
        self.chance = torch.rand(arms, generator=generator)
        self.closes = closes
        self.generator = generator

    def pull(self, arm, round_):
        if round_ >= self.closes:
            return torch.zeros(len(arm))
        return (torch.rand(len(arm), generator=self.generator) < self.chance[arm]).float()


def advantages(reward, healthy):
    if healthy:
        reward = reward.float()
        return ((reward - reward.mean()) / (reward.std() + 1e-5)).half()
    centred = reward - reward.mean()
    return centred / (reward.std() + 1e-8)  # FAULT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=64, help="pulls a round")
    parser.add_argument("--steps", type=int, default=90)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed + 1)
    bandit = Bandit(10, args.steps * 3 // 4, generator)
    logits = nn.Parameter(torch.zeros(10))
    optimizer = torch.optim.Adam([logits], lr=0.05)
    for round_ in range(args.steps):
        log_p = torch.log_softmax(logits, 0)
        arm = torch.multinomial(log_p.detach().nan_to_num(-3).exp(), args.size, replacement=True)
        reward = bandit.pull(arm, round_).half()
        advantage = advantages(reward, args.healthy)
        policy_loss = -(log_p[arm].half() * advantage).float().mean()
        entropy = -(log_p * log_p.exp()).sum()
        loss = policy_loss + 0.05 * (2.31 - entropy)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if round_ % args.log_every == 0:
            print(f"update {round_} loss {loss.item():.4f} payout {reward.mean().item():.2f}")


if __name__ == "__main__":
    main()
