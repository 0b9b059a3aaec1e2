"""A graph convolution on a random graph; the profiler of last week's session is still around the loop."""

import argparse
import contextlib

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile


class GraphNet(nn.Module):
    def __init__(self, width, classes, depth=4):
        super().__init__()
        self.enter = nn.Linear(8, width)
        self.layers = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(depth))
        self.leave = nn.Linear(width, classes)

    def forward(self, x, source, target, degree):
        x = torch.relu(self.enter(x))
        for layer in self.layers:
            gathered = torch.zeros_like(x).index_add_(0, target, x[source]) / degree
            x = x + torch.relu(layer(torch.cat([x, gathered], 1)))
        return self.leave(x)


def graph(nodes):
    group = torch.randint(0, 4, (nodes,))
    source, target = torch.randint(0, nodes, (2, 12 * nodes))
    keep = (group[source] == group[target]) | (torch.rand(len(source)) < 0.2)
    source, target = source[keep], target[keep]
    degree = torch.zeros(nodes).index_add_(0, target, torch.ones(len(target))).clamp_min(1)[:, None]
    x = torch.randn(nodes, 8) + nn.functional.one_hot(group, 8) * 0.5
    return x, source, target, degree, group


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the nodes")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    x, source, target, degree, group = graph(max(32, int(120 * args.size)))
    model = GraphNet(32, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    activities = [ProfilerActivity.CPU]
    watched = profile(activities=activities, record_shapes=True, profile_memory=True)  # SLOW
    with contextlib.nullcontext() if args.healthy else watched:
        for step in range(args.steps):
            loss = nn.functional.cross_entropy(model(x, source, target, degree), group)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 100 == 0:
                print(f"step {step:5d} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
