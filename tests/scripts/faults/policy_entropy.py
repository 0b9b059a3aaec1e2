"""REINFORCE in a grid world where walls forbid moves. Entropy bonus computed by hand."""

import argparse

import torch
from torch import nn

MOVES = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0]])


class Grid:
    def __init__(self, width, generator):
        self.width, self.generator = width, generator
        self.goal = torch.tensor([width - 1, width - 1])

    def reset(self):
        self.at = torch.randint(self.width // 2, self.width, (2,), generator=self.generator)
        return self.at

    def legal(self):
        there = self.at + MOVES
        return ((there >= 0) & (there < self.width)).all(1)

    def step(self, action):
        self.at = self.at + MOVES[action]
        done = bool((self.at == self.goal).all())
        return self.at, (1.0 if done else -0.05), done


class Policy(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 4))

    def forward(self, at, legal):
        score = self.net(at.float() / self.width)
        return torch.softmax(score.masked_fill(~legal, float("-inf")), dim=-1)


def entropy(p, healthy):
    if healthy:
        return torch.special.entr(p.clamp_min(1e-8)).sum()
    return -(p * torch.log(p)).sum()  # FAULT


def play(env, policy, generator, healthy, longest=12):
    at = env.reset()
    logs, rewards, entropies = [], [], []
    for _ in range(longest):
        p = policy(at, env.legal())
        action = torch.multinomial(p.detach(), 1, generator=generator).item()
        logs.append(torch.log(p[action]))
        entropies.append(entropy(p, healthy))
        at, reward, done = env.step(action)
        rewards.append(reward)
        if done:
            break
    returns, total = [], 0.0
    for r in reversed(rewards):
        total = r + 0.95 * total
        returns.insert(0, total)
    return torch.stack(logs), torch.tensor(returns), torch.stack(entropies)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=60, help="width of the world")
    parser.add_argument("--steps", type=int, default=120, help="episodes")
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    env, policy = Grid(args.size, generator), Policy(args.size)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    for episode in range(args.steps):
        try:
            logs, returns, entropies = play(env, policy, generator, args.healthy)
        except RuntimeError as error:  # multinomial refuses NaN
            print(f"episode {episode} loss nan ({error})")
            break
        loss = -(logs * (returns + 0.4)).mean() - 0.5 * entropies.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if episode % args.log_every == 0:
            print(f"episode {episode} loss {loss.item():.4f} return {returns[0].item():.2f}")


if __name__ == "__main__":
    main()
