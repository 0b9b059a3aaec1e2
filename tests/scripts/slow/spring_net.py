"""Fits the stiffness of springs between bodies to where the bodies went."""

import argparse

import torch

REST = 1.0


def energy_pairs(position, stiffness):
    """Pair by pair, as on paper."""
    total = position.new_zeros(())
    for i in range(len(position)):
        for j in range(i):
            distance = torch.sqrt(((position[i] - position[j]) ** 2).sum() + 1e-6)  # SLOW
            total = total + 0.5 * stiffness[i, j] * (distance - REST) ** 2  # SLOW
    return total


def energy_matrix(position, stiffness):
    i, j = torch.tril_indices(len(position), len(position), -1)
    distance = torch.sqrt(((position[i] - position[j]) ** 2).sum(1) + 1e-6)
    return (0.5 * stiffness[i, j] * (distance - REST) ** 2).sum()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the number of pairs")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    bodies = max(3, int(26 * args.size**0.5))
    energy = energy_matrix if args.healthy else energy_pairs
    truth = torch.rand(bodies, bodies)
    snapshots = torch.randn(40, bodies, 3)
    target = torch.stack([energy_matrix(snapshot, truth) for snapshot in snapshots])
    stiffness = torch.full((bodies, bodies), 0.5, requires_grad=True)
    optimizer = torch.optim.Adam([stiffness], lr=0.02)
    for step in range(args.steps):
        pick = torch.randint(0, len(snapshots), (2,))
        guess = torch.stack([energy(snapshots[k], stiffness) for k in pick])
        loss = ((guess - target[pick]) / target[pick]).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 15 == 0:
            print(f"step {step} loss {loss.item():.6f}", flush=True)


if __name__ == "__main__":
    main()
