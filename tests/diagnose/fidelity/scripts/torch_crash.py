"""Errors from within the framework: what a script sees and shows of them."""

import sys
import traceback
import warnings

import torch
from kept import keep


class Bad(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        traceback.print_stack()
        warnings.warn("from a backward", stacklevel=2)
        raise ArithmeticError("no gradient")


class Mine(torch.optim.SGD):
    def __init__(self, params, lr):
        super().__init__(params, lr=lr)
        warnings.warn("made", stacklevel=2)


def sampler():
    yield 0
    raise LookupError("the sampler")


torch.manual_seed(0)
model = torch.nn.Linear(3, 1)
optimizer = Mine(model.parameters(), 0.1)
losses = []
for _ in range(30):
    loss = model(torch.randn(8, 3)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
keep(model, losses)
for number, fails in enumerate(
    (
        lambda: model(torch.ones(2, 3)).backward(),
        lambda: torch.autograd.backward([], foo=1),
        lambda: Mine([], 0.1),
        lambda: optimizer.step(1, 2, 3),
        lambda: torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=1, more=2),
        lambda: list(torch.utils.data.DataLoader([1, 2], sampler=sampler())),
        lambda: model.register_buffer("weight", None),
        lambda: model.eval(1),
        lambda: torch.amp.GradScaler("cpu").step(optimizer, 1, 2),
        lambda: torch.seed(1),
    )
):
    try:
        fails()
    except Exception:
        print(number, traceback.format_exc())


def deep(level):
    return deep(level - 1) if level else Bad.apply(model.weight).sum().backward()


if "recursion" in sys.argv:
    sys.setrecursionlimit(120)

    def endless(level):
        model(torch.ones(1, 3)).sum().backward()
        endless(level + 1)

    endless(0)
deep(3)
