"""Each safe form beside the call it stands for; run by a Python that has torch.

`python safe_forms.py PAYLOAD` prints a JSON line for each case: its name, whether the plain call breaks at
the singular point, whether the safe one is finite there, with its gradient, and whether both agree elsewhere.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])
import torch
import torch.nn.functional as F
from _envkit_payload.interventions import lines_torch

INF = float("inf")
T = torch.tensor
torch.manual_seed(0)
GOOD = torch.rand(4, 4) * 0.8 + 0.1
SQUARE = GOOD + GOOD.T + torch.diag(T([1.0, 2.0, 3.0, 4.0]))
CASES = {
    "log": (lambda x: torch.log(x), T([0.0, -1.0, 0.5]), GOOD),
    "log10": (lambda x: x.log10(), T([0.0, 0.5]), GOOD),
    "log1p": (lambda x: torch.log1p(x), T([-1.0, 0.5]), GOOD),
    "logit": (lambda x: torch.logit(x), T([0.0, 1.0, 0.5]), GOOD),
    "xlogy": (lambda x: torch.xlogy(T([1.0, 1.0]), x), T([0.0, 0.5]), GOOD[0, :2]),
    "sqrt": (lambda x: torch.sqrt(x), T([0.0, -1.0, 0.5]), GOOD),
    "rsqrt": (lambda x: x.rsqrt(), T([0.0, 0.5]), GOOD),
    "pow": (lambda x: x**0.5, T([0.0, -1.0, 0.5]), GOOD),
    "pow negative": (lambda x: x.pow(-1), T([0.0, 0.5]), GOOD),
    "div": (lambda x: x / x, T([0.0, 0.5]), GOOD),
    "div by count": (lambda x: x.sum() / (x > 2).sum(), T([0.0, 0.5]), T([3.0, 4.0])),
    "one over": (lambda x: 1 / x, T([0.0, 0.5]), GOOD),
    "reciprocal": (lambda x: x.reciprocal(), T([0.0, 0.5]), GOOD),
    "acos": (lambda x: torch.acos(x), T([1.0, -1.0, 1.00001]), GOOD),
    "asin": (lambda x: x.asin(), T([1.0, 0.5]), GOOD),
    "atanh": (lambda x: x.atanh(), T([1.0, 0.5]), GOOD),
    "acosh": (lambda x: torch.acosh(x), T([1.0, 0.99, 2.0]), GOOD + 1),
    "exp": (lambda x: torch.exp(x), T([100.0, 0.5]), GOOD),
    "std of one": (lambda x: x.std(0), torch.ones(1, 3), GOOD),
    "var of one": (lambda x: x.var(0), torch.ones(1, 3), GOOD),
    "softmax": (lambda x: torch.softmax(x, -1), torch.full((2, 3), -INF), GOOD),
    "F.softmax": (lambda x: F.softmax(x, -1), torch.full((2, 3), -INF), GOOD),
    "log_softmax": (lambda x: x.log_softmax(-1).exp(), torch.full((2, 3), -INF), GOOD),
    "logsumexp": (lambda x: torch.logsumexp(x, -1), torch.full((2, 3), -INF), GOOD),
    "mean": (lambda x: x[x > 2].mean(), torch.ones(3), T([3.0, 4.0])),
    "cross_entropy": (
        lambda x: F.cross_entropy(x, T([-100, -100] if x.max() < 0.01 else [0, -100])),
        torch.zeros(2, 3),
        GOOD[:2],
    ),
    "mse_loss": (
        lambda x: F.mse_loss(x[x > 2], x[x > 2].detach() + 1),
        torch.zeros(2, 2),
        T([3.0, 4.0]),
    ),
    "eigh": (
        lambda x: torch.linalg.eigh(x)[1].abs().sum() + torch.linalg.eigh(x)[1][0, 0],
        torch.eye(3),
        SQUARE,
    ),
    "svd": (lambda x: torch.linalg.svd(x)[0][0].sum(), torch.eye(3), SQUARE),
    "inv": (lambda x: torch.linalg.inv(x), torch.ones(3, 3), SQUARE),
    "root in place": (lambda x: (x * 1.0).sqrt_(), T([0.0, 0.5]), GOOD),
    "divide in place": (lambda x: (x * 1.0).div_(x), T([0.0, 0.5]), GOOD),
    "kl_div": (lambda x: F.kl_div(x.log(), T([0.0, 1.0])), T([0.0, 1.0]), T([0.3, 0.7])),
    "cosine": (
        lambda x: F.cosine_similarity(x.half(), x.half(), dim=0, eps=1e-8),
        torch.zeros(3),
        GOOD[0],
    ),
}


class Counted:
    applied = 0
    kept = None


class Watched:
    trial = Counted


def value(call, point):
    """Whether result and gradient are finite, and the result."""
    x = point.clone().requires_grad_()
    try:
        out = call(x)
        out.float().sum().backward()
    except RuntimeError:  # LinAlgError
        return False, None
    finite = torch.isfinite(out).all() and (x.grad is None or torch.isfinite(x.grad).all())
    return bool(finite), out.detach()


def main():
    plain = {
        name: (value(call, bad)[0], None if good is None else value(call, good)[1])
        for name, (call, bad, good) in CASES.items()
    }
    lines_torch._is_at = lambda file, line: True
    lines_torch.rewrite(torch, Watched, __file__, 0)
    for name, (call, bad, good) in CASES.items():
        finite = value(call, bad)[0]
        same = good is None or torch.allclose(value(call, good)[1], plain[name][1], rtol=1e-4, atol=1e-5)
        told = {"name": name, "broke": not plain[name][0], "finite": finite, "same": bool(same)}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
