"""Actor-critic in a grid world; forbidden moves get -inf before Categorical."""

import argparse

import torch
from torch import nn
from torch.distributions import Categorical


class World:
    def __init__(self, width):
        self.width = width

    def reset(self):
        self.x = self.y = 0
        self.time = 0
        return self.look()

    def look(self):
        legal = torch.tensor([self.x > 0, self.x < self.width - 1, self.y > 0, self.y < self.width - 1])
        return torch.tensor([self.x, self.y]) / self.width, legal

    def step(self, a):
        self.x += (a == 1) - (a == 0)
        self.y += (a == 3) - (a == 2)
        self.time += 1
        home = self.x == self.y == self.width - 1
        return self.look(), 1.0 if home else -0.02, home or self.time > 4 * self.width


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 32), nn.Tanh())
        self.actor, self.critic = nn.Linear(32, 4), nn.Linear(32, 1)

    def forward(self, place, legal):
        h = self.body(place)
        return Categorical(logits=self.actor(h).masked_fill(~legal, -torch.inf)), self.critic(h).squeeze(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=5)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    world, net = World(args.size), ActorCritic()
    opt = torch.optim.RMSprop(net.parameters(), lr=3e-3)
    for episode in range(args.steps):
        (place, legal), done, steps = world.reset(), False, []
        while not done:
            policy, value = net(place, legal)
            action = policy.sample()
            (place, legal), reward, done = world.step(int(action))
            steps.append((policy.log_prob(action), value, reward))
        total, loss = 0.0, 0.0
        for log_p, value, reward in reversed(steps):
            total = reward + 0.97 * total
            loss = loss - log_p * (total - value.detach()) + 0.5 * (value - total) ** 2
        loss = loss / len(steps)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if episode % args.log_every == 0:
            print(f"episode {episode} loss {loss.item():.4f} return {total:.2f} length {len(steps)}")


if __name__ == "__main__":
    main()
