"""The adding problem with an LSTM written out, gate by gate and time step by time step."""

import argparse

import torch
from torch import nn


class Gates(nn.Module):
    """One layer; every gate has its own two matrices."""

    def __init__(self, inputs, width):
        super().__init__()
        self.width = width
        self.x = nn.ModuleDict({gate: nn.Linear(inputs, width) for gate in "ifgo"})
        self.h = nn.ModuleDict({gate: nn.Linear(width, width) for gate in "ifgo"})

    def forward(self, sequence):
        h = sequence.new_zeros(len(sequence), self.width)
        c = sequence.new_zeros(len(sequence), self.width)
        for t in range(sequence.shape[1]):
            x = sequence[:, t]
            i = torch.sigmoid(self.x["i"](x) + self.h["i"](h))  # SLOW
            f = torch.sigmoid(self.x["f"](x) + self.h["f"](h))  # SLOW
            g = torch.tanh(self.x["g"](x) + self.h["g"](h))  # SLOW
            o = torch.sigmoid(self.x["o"](x) + self.h["o"](h))  # SLOW
            c = f * c + i * g  # SLOW
            h = o * torch.tanh(c)  # SLOW
        return h


class Fused(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.rnn = nn.LSTM(inputs, width, batch_first=True)

    def forward(self, sequence):
        return self.rnn(sequence)[0][:, -1]


def adding(count, length):
    values = torch.rand(count, length)
    marks = torch.zeros(count, length)
    for half in (0, 1):
        at = torch.randint(0, length // 2, (count,)) + half * (length // 2)
        marks[torch.arange(count), at] = 1
    return torch.stack([values, marks], 2), (values * marks).sum(1, keepdim=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the length of the sequences")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    length = max(4, int(80 * args.size))
    body = Fused(2, 48) if args.healthy else Gates(2, 48)
    head = nn.Linear(48, 1)
    optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=2e-3)
    for step in range(1, args.steps + 1):
        sequence, total = adding(48, length)
        loss = nn.functional.mse_loss(head(body(sequence)), total)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(body.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    main()
