"""Q-learning with a replay memory and a target network on a chain of states."""

import argparse
import copy
import random
from collections import deque

import torch
from torch import nn


def move(state, right, n):
    state = min(n - 1, state + 1) if right else max(0, state - 1)
    return state, 1.0 if state == n - 1 else 0.0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rnd = random.Random(args.seed)
    n = args.size
    q = nn.Sequential(nn.Linear(n, 24), nn.ReLU(), nn.Linear(24, 2))
    target = copy.deepcopy(q).requires_grad_(False)
    opt = torch.optim.Adam(q.parameters(), lr=3e-3)
    memory, state, eye = deque(maxlen=500), 0, torch.eye(n)
    for step in range(args.steps):
        for _ in range(4):
            greedy = int(q(eye[state]).argmax())
            action = rnd.randrange(2) if rnd.random() < 0.4 else greedy
            after, reward = move(state, action == 1, n)
            memory.append((state, action, reward, after))
            state = 0 if reward else after
        s, a, r, t = (
            torch.tensor(v) for v in zip(*rnd.sample(list(memory), min(32, len(memory))), strict=False)
        )
        wanted = r + 0.9 * target(eye[t]).max(1).values * (r == 0)
        loss = nn.functional.smooth_l1_loss(q(eye[s]).gather(1, a[:, None]).squeeze(1), wanted)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 20 == 0:
            target.load_state_dict(q.state_dict())
        if step % args.log_every == 0:
            print(f"step {step} loss {loss.item():.5f}")


if __name__ == "__main__":
    main()
