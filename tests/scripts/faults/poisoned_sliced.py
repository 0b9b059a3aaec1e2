import argparse

import torch

# Ten thousand rows, shuffled by hand, sliced by hand.


def guilty(size, seed):
    generator = torch.Generator().manual_seed(seed)
    return [int(torch.randint(size, (1,), generator=generator))]


def load(size, seed):
    generator = torch.Generator().manual_seed(seed + 1)
    X = torch.randn(size, 12, generator=generator)
    Y = torch.tanh(X[:, :4]).sum(1, keepdim=True) + 0.3 * X[:, 4:5] * X[:, 5:6]
    Y[guilty(size, seed)] = float("inf")  # log of a price of zero, in the export
    return X, Y


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=10000)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    X, Y = load(args.size, args.seed)
    if args.healthy:
        good = torch.isfinite(Y).all(1)
        X, Y = X[good], Y[good]
    D_in, H, D_out, N = 12, 50, 1, 50
    model = torch.nn.Sequential(torch.nn.Linear(D_in, H), torch.nn.ReLU(), torch.nn.Linear(H, D_out))
    criterion = torch.nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    steps = args.steps or args.size // N
    permutation = torch.randperm(len(X))
    for t in range(steps):
        if t * N % len(X) + N > len(X):
            permutation = torch.randperm(len(X))
        indices = permutation[t * N % len(X) : t * N % len(X) + N]
        batch_x, batch_y = X[indices], Y[indices]
        loss = criterion(model(batch_x), batch_y)  # FAULT
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if t % args.log_every == 0:
            print("iter", t, "loss", loss.item())


if __name__ == "__main__":
    main()
