"""Fixes as changes to a file: what they become, that they are Python, and that they leave the rest alone."""

from __future__ import annotations

import ast
import textwrap

import pytest

from envkit.diagnose.patch import patch

LINES = [
    ("log-of-zero", "y = torch.log(p)", "y = torch.log(p.clamp_min(1e-6))"),
    ("log-of-zero", "y = (1 - p).log()", "y = (1 - p).clamp_min(1e-6).log()"),
    (
        "log-of-zero",
        "y = t * torch.log(p) + (1 - t) * torch.log(1 - p)",
        "y = t * torch.log(p.clamp_min(1e-6)) + (1 - t) * torch.log((1 - p).clamp_min(1e-6))",
    ),
    (
        "log-of-zero",
        "g = -torch.log(-torch.log(u))",
        "g = -torch.log((-torch.log(u.clamp_min(1e-6))).clamp_min(1e-6))",
    ),
    ("log-of-zero", "y = np.log(x)", "y = np.log(np.maximum(x, 1e-6))"),
    ("log-of-zero", "y = math.log(x)", "y = math.log(max(x, 1e-6))"),
    ("log-of-zero", "y = tf.math.log(p)", "y = tf.math.log(tf.maximum(p, 1e-6))"),
    ("log-of-zero", "y = keras.ops.log(p)", "y = keras.ops.log(keras.ops.maximum(p, 1e-6))"),
    ("log-of-zero", "y = torch.log1p(-p)", "y = torch.log1p((-p).clamp_min(-1 + 1e-6))"),
    ("log-of-zero", "y = torch.logit(p)", "y = torch.logit(p.clamp(1e-6, 1 - 1e-6))"),
    ("log-of-zero", "y = torch.logit(p, eps=1e-6)", None),
    ("log-of-zero", "y = torch.log(p.clamp_min(1e-9))", None),
    ("log-of-zero", "print('log', p)", None),
    ("sqrt-at-zero", "d = torch.sqrt(s)", "d = torch.sqrt(s.clamp_min(1e-12))"),
    ("sqrt-at-zero", "d = (a - b).pow(2).sum(1).sqrt()", "d = (a - b).pow(2).sum(1).clamp_min(1e-12).sqrt()"),
    ("sqrt-at-zero", "d = s ** 0.5", "d = s.clamp_min(1e-12) ** 0.5"),
    ("sqrt-at-zero", "d = (s + t) ** (1 / 3)", "d = (s + t).clamp_min(1e-12) ** (1 / 3)"),
    ("sqrt-at-zero", "d = x.pow(2) + y.pow(0.5)", "d = x.pow(2) + y.clamp_min(1e-12).pow(0.5)"),
    ("sqrt-at-zero", "d = x ** 2", None),
    ("sqrt-at-zero", "d = torch.hypot(x, y)", "d = torch.sqrt(x.square() + y.square() + 1e-12)"),
    ("sqrt-at-zero", "d = np.sqrt(s)", "d = np.sqrt(np.maximum(s, 1e-12))"),
    ("division-by-zero", "z = x / x.sum()", "z = x / x.sum().clamp_min(1e-6)"),
    ("division-by-zero", "z = (x - m) / (s)", "z = (x - m) / (s + 1e-6)"),
    ("division-by-zero", "z = (x - low) / (high - low)", "z = (x - low) / (high - low + 1e-6)"),
    ("division-by-zero", "z = x / (a + b) * (c + d)", "z = x / (a + b + 1e-6) * (c + d)"),
    ("division-by-zero", "z = x / (a + b) / (c + d)", "z = x / (a + b + 1e-6) / (c + d + 1e-6)"),
    ("division-by-zero", "z = a / (b / c)", "z = a / (b / (c + 1e-6) + 1e-6)"),
    ("division-by-zero", "z = x / 2", None),
    ("division-by-zero", "z = x / len(x) / x.shape[0] / math.sqrt(d)", None),
    ("division-by-zero", "z = torch.softmax(x / tau, 0)", "z = torch.softmax(x / (tau + 1e-6), 0)"),
    ("division-by-zero", "z = torch.div(x, y)", "z = torch.div(x, (y + 1e-6))"),
    (
        "division-by-zero",
        "z = x / x.norm(dim=1, keepdim=True)",
        "z = x / x.norm(dim=1, keepdim=True).clamp_min(1e-6)",
    ),
    ("division-by-zero", "z = x * v.rsqrt()", "z = x * (v + 1e-12).rsqrt()"),
    ("division-by-zero", "z = w / np.std(w)", "z = w / np.maximum(np.std(w), 1e-6)"),
    ("domain-error", "a = torch.acos(c)", "a = torch.acos(c.clamp(-1 + 1e-6, 1 - 1e-6))"),
    ("domain-error", "a = torch.acos(c.clamp(-1, 1))", "a = torch.acos(c.clamp(-1 + 1e-6, 1 - 1e-6))"),
    (
        "domain-error",
        "a = torch.acos(torch.clamp(c * d, -1, 1))",
        "a = torch.acos((c * d).clamp(-1 + 1e-6, 1 - 1e-6))",
    ),
    ("domain-error", "a = torch.acosh(x)", "a = torch.acosh(x.clamp_min(1 + 1e-6))"),
    ("domain-error", "a = torch.exp(-x)", "a = torch.exp((-x).clamp_max(80.0))"),
    ("domain-error", "a = tf.acos(c)", "a = tf.acos(tf.clip_by_value(c, -1 + 1e-6, 1 - 1e-6))"),
    (
        "where-gradient-trap",
        "y = torch.where(x > 0, torch.log(x), z)",
        "y = torch.where(x > 0, torch.log(x.clamp_min(1e-6)), z)",
    ),
    (
        "where-gradient-trap",
        "y = torch.where(x == 0, one, torch.sin(x) / x)",
        "y = torch.where(x == 0, one, torch.sin(x) / (x + 1e-6))",
    ),
    ("empty-reduction", "r = error[has].mean()", "r = (error[has].sum() / max(error[has].numel(), 1))"),
    ("empty-reduction", "r = x.mean()", None),
    ("empty-reduction", "r = x.sum() / m.sum()", "r = x.sum() / m.sum().clamp_min(1)"),
    (
        "empty-reduction",
        "r = F.cross_entropy(a, b, ignore_index=-1)",
        'r = (F.cross_entropy(a, b, ignore_index=-1, reduction="sum") / (b != -1).sum().clamp_min(1))',
    ),
    ("empty-reduction", "r = F.cross_entropy(a, b, weight=w)", None),
    ("fp16-eps-underflow", "z = x / (s + 1e-8)", "z = x / (s + 1e-4)"),
    (
        "fully-masked-softmax",
        "s = s.masked_fill(m, float('-inf'))",
        "s = s.masked_fill(m, torch.finfo(s.dtype).min)",
    ),
    (
        "fully-masked-softmax",
        "s = torch.where(m, s, -math.inf)",
        "s = torch.where(m, s, torch.finfo(s.dtype).min)",
    ),
    (
        "fully-masked-softmax",
        "s = (q @ k).masked_fill(m, value=-np.inf)",
        "s = (q @ k).masked_fill(m, value=torch.finfo((q @ k).dtype).min)",
    ),
    (
        "lr-too-high",
        "opt = torch.optim.SGD(net.parameters(), lr=0.5)",
        "opt = torch.optim.SGD(net.parameters(), lr=0.05)",
    ),
    (
        "lr-too-high",
        "opt = torch.optim.SGD(net.parameters(), 1e-2)",
        "opt = torch.optim.SGD(net.parameters(), 0.001)",
    ),
    (
        "uninitialised-memory",
        "w = nn.Parameter(torch.empty(4, 5))",
        "w = nn.Parameter(torch.randn(4, 5) * 0.02)",
    ),
    (
        "uninitialised-memory",
        "w = nn.Parameter(torch.Tensor(4, 5))",
        "w = nn.Parameter(torch.randn(4, 5) * 0.02)",
    ),
    ("adam-eps-zero", "o = Adam(p, lr=1e-3)", "o = Adam(p, lr=1e-3, eps=1e-4)"),
    ("adam-eps-zero", "o = Adam(p, eps=1e-8)", None),
    (
        "batchnorm-single-value",
        "l = DataLoader(d, batch_size=4)",
        "l = DataLoader(d, batch_size=4, drop_last=True)",
    ),
    ("ctc-target-too-long", "c = nn.CTCLoss()", "c = nn.CTCLoss(zero_infinity=True)"),
    ("bad-sample", "y = torch.log(p)", None),
]


@pytest.mark.parametrize(
    ("key", "before", "after"), LINES, ids=[f"{key} {before}" for key, before, _ in LINES]
)
def test_line(key: str, before: str, after: str | None):
    found = patch("train.py", f"import torch\n{before}\nprint(1)\n", key, 2)
    assert (None if found is None else found.text.splitlines()[1]) == after


@pytest.mark.parametrize(("key", "before", "after"), [row for row in LINES if row[2]])
def test_a_second_time_nothing_is_left_to_do(key: str, before: str, after: str | None):
    if key in ("lr-too-high",):
        return
    found = patch("train.py", f"import torch\n{after}\n", key, 2)
    assert found is None, found


def test_other_lines_stay():
    source = "import torch\na = torch.log(x)\nb = torch.log(y)\nc = torch.log(z)\n"
    found = patch("train.py", source, "log-of-zero", 3)
    assert found is not None
    assert found.text == source.replace("log(y)", "log(y.clamp_min(1e-6))")
    assert found.diff.count("\n+") == 2


def test_a_statement_over_several_lines():
    source = textwrap.dedent("""
        def loss(p, t):
            return -(
                t * torch.log(p)
                + (1 - t) * torch.log(1 - p)
            ).mean()
    """)
    found = patch("train.py", source, "log-of-zero", 3)
    assert found is not None
    assert found.text.count("clamp_min") == 2
    ast.parse(found.text)


def test_the_body_of_a_loop_is_not_the_line_of_the_loop():
    source = "for x in torch.log(a):\n    y = torch.log(b)\n"
    found = patch("train.py", source, "log-of-zero", 1)
    assert found is not None
    assert found.text == "for x in torch.log(a.clamp_min(1e-6)):\n    y = torch.log(b)\n"


def test_text_that_is_not_ascii():
    source = "s = 'Größe'; y = torch.log(größe)  # für später\n"
    found = patch("train.py", source, "log-of-zero", 1)
    assert found is not None
    assert found.text == "s = 'Größe'; y = torch.log(größe.clamp_min(1e-6))  # für später\n"


RATES = [
    ("lr = 0.5\nopt = SGD(net.parameters(), lr=lr)\n", 2, "lr = 0.05"),
    (
        "p.add_argument('--lr', default=0.1)\na = p.parse_args()\nopt = SGD(n.parameters(), lr=a.lr)\n",
        3,
        "default=0.01",
    ),
    ("def train(lr=2.0):\n    return SGD(n.parameters(), lr=lr)\n", 2, "lr=0.2"),
    (
        "class C:\n    learning_rate = 1.0\nopt = SGD(n.parameters(), C.learning_rate)\n",
        3,
        "learning_rate = 0.1",
    ),
]


@pytest.mark.parametrize(("source", "line", "expected"), RATES)
def test_the_rate_is_followed_to_its_number(source: str, line: int, expected: str):
    found = patch("train.py", source, "lr-too-high", line)
    assert found is not None
    assert expected in found.text


def test_two_rates_are_not_guessed_between():
    source = "lr = 0.5\nif big:\n    lr = 0.1\nopt = SGD(net.parameters(), lr=lr)\n"
    assert patch("train.py", source, "lr-too-high", 4) is None


def test_clipping_stands_before_the_update():
    source = textwrap.dedent("""\
        import torch
        for x in data:
            opt.zero_grad()
            loss(x).backward()
            opt.step()
    """)
    found = patch("train.py", source, "exploding-gradient", 4)
    assert found is not None
    lines = found.text.splitlines()
    assert lines[4].strip().startswith("torch.nn.utils.clip_grad_norm_([p for group in opt.param_groups")
    assert lines[5] == "    opt.step()"
    assert patch("train.py", found.text, "exploding-gradient", 4) is None


@pytest.mark.parametrize("source", ["", "def f(:\n", "x = 1\n", "\0"])
@pytest.mark.parametrize("line", [None, 0, 1, 10**6])
def test_nothing_to_mend(source: str, line: int | None):
    for key in ("log-of-zero", "lr-too-high", "division-by-zero", "no-such-key"):
        assert patch("train.py", source, key, line) is None
