"""Fixes for speed as changes to the person's file."""

from __future__ import annotations

import pytest

from envkit.diagnose.model import Change, Gain, Slowness, Speed
from envkit.diagnose.speed.patches import best, best_patches, patch, with_patches
from envkit.diagnose.speed.trace import Frame, Loader, SpeedTrace
from envkit.diagnose.trace import Optimizer, Trace

LOADER = "loader = DataLoader(data, batch_size=8)\nval = DataLoader(other)\n"
LONG = """loader = DataLoader(
    data,
    batch_size=8,
    num_workers=0,  # quick
    shuffle=True,
)
"""
FRAME = Frame(file="train.py", line=1, function="f", users=True)
MADE = {"loader": ("train.py", 1), "optimizer": ("train.py", 2)}
TWO = "import torch\nopt = torch.optim.Adam(net.parameters(), lr=1e-3)\n"


@pytest.mark.parametrize(
    ("name", "value", "text", "added"),
    [
        ("workers", "2", LOADER, "(data, batch_size=8, num_workers=2, persistent_workers=True)"),
        ("workers", "0", "l = DataLoader(data, num_workers=args.w)\n", "l = DataLoader(data, num_workers=0)"),
        ("workers", "2", "l = DataLoader(d, 8, True, None, None, 16)\n", "(d, 8, True, None, None, 2)"),
        ("workers", "2", LONG, "    num_workers=2,  # quick"),
        ("persistent", "1", LONG, "    shuffle=True,\n+    persistent_workers=True,"),
        ("pin", "1", "l = DataLoader(\n    data\n)\n", "    data,\n+    pin_memory=True"),
        ("prefetch", "4", "l = DataLoader(d, num_workers=2, prefetch_factor=1)\n", "prefetch_factor=4)"),
        ("foreach", "1", TWO, "opt = torch.optim.Adam(net.parameters(), lr=1e-3, foreach=True)"),
        ("fused", "1", "\nopt = AdamW(p, fused=False)\n", "opt = AdamW(p, fused=True)"),
        ("anomaly", "", "torch.autograd.set_detect_anomaly(True)\n", "set_detect_anomaly(False)"),
        ("anomaly", "", "with detect_anomaly():\n    pass\n", "with set_detect_anomaly(False):"),
        ("anomaly", "", "t = Trainer(detect_anomaly=True)\n", "t = Trainer(detect_anomaly=False)"),
        ("anomaly", "", "set_detect_anomaly(not args.fast)\n", "set_detect_anomaly(False)"),
        ("deterministic", "", "torch.use_deterministic_algorithms(True)\n", "algorithms(False)"),
        ("threads", "2", "import torch\ntorch.set_num_threads(16)\n", "torch.set_num_threads(2)"),
        ("threads", "2", "import torch\nimport os\n\nx = 1\n", "\n+torch.set_num_threads(2)"),
        ("flush-denormal", "1", "import torch\nx = 1\n", "torch.set_flush_denormal(True)"),
        ("dynamic", "1", "net = torch.compile(net)\n", "net = torch.compile(net, dynamic=True)"),
        ("dtype", "float32", "torch.set_default_dtype(torch.float64)\n", "(torch.float32)"),
        ("map-parallel", "", "d = d.map(f)\n", "d = d.map(f, num_parallel_calls=tf.data.AUTOTUNE)"),
        ("eager", "0", "tf.config.run_functions_eagerly(True)\n", "run_functions_eagerly(False)"),
    ],
)  # fmt: skip
def test_changes(name: str, value: str, text: str, added: str):
    known = MADE if name in ("workers", "persistent", "pin", "prefetch", "foreach", "fused") else {}
    found = patch((Change(name=name, value=value),), {"train.py": text}, known)
    assert found is not None and found.startswith("--- train.py\n+++ train.py\n")
    assert added in found


@pytest.mark.parametrize(
    ("name", "text", "known"),
    [
        ("workers", "loader = make(data)\n", MADE),  # no loader there
        ("workers", "a = DataLoader(x)\nb = DataLoader(y)\n", {}),  # which one?
        ("workers", "loader = DataLoader(data, **options)\n", MADE),
        ("workers", LOADER, {"loader": ("other.py", 1)}),
        ("anomaly", "x = 1\n", {}),
        ("threads", "import numpy\n", {}),
        ("threads", "import torch\nset_num_threads(1)\nset_num_threads(2)\n", {}),
        ("dtype", "net = net.double()\n", {}),
        ("workers", "not Python (\n", MADE),
        ("unknown", LOADER, MADE),
    ],
)
def test_none_where_it_is_not_known(name: str, text: str, known: dict[str, tuple[str, int]]):
    assert patch((Change(name=name, value="2"),), {"train.py": text}, known) is None


def test_several_together_and_in_the_speed():
    text = f"import torch\n\n{LOADER}opt = torch.optim.SGD(net.parameters(), 0.1)\n"
    stack = (Frame(file="train.py", line=3, function="<module>", users=True),)
    trace = Trace(
        optimizers=(Optimizer(name="SGD", rate=0.1, stack=(("train.py", 5, "<module>"),)),),
        speed=SpeedTrace(loaders=(Loader(number=0, kind="torch", waited=1.0, stack=stack),)),
    )
    gains = (
        Gain(fix="workers", change=Change(name="workers", value="2")),
        Gain(fix="faster lines"),
        Gain(fix="all", change=Change(name="together", value="threads=2, workers=2, foreach=1")),
        Gain(fix="compiled", change=Change(name="compile", value="1")),
    )
    found = with_patches(Speed(primary=None, gains=gains), trace, {"train.py": text}).gains
    assert [one.patch is not None for one in found] == [True, False, True, False]
    diff = found[2].patch or ""
    assert "num_workers=2" in diff and "foreach=True" in diff and "torch.set_num_threads(2)" in diff
    assert [one.fix for one in found] == [one.fix for one in gains]


def gain(name: str, *measured: float, key: str = "too-few-workers", **more) -> Gain:
    return Gain(
        fix=name, change=Change(name=name, value="1"), key=key, patch="+", predicted=(0.3, 0.5),
        measured=measured or None, **more,
    )  # fmt: skip


def named(*gains: Gain) -> str | None:
    primary = Slowness(key="too-few-workers", share=0.5, confidence=0.8, summary="", evidence=())
    found = best(Speed(primary=primary, gains=gains))
    return None if found is None else found.fix


def test_the_best_change_is_what_helped_most():
    assert named(gain("pin", 0.1, 0.2), gain("workers", 0.4, 0.6), gain("fused", 0.1, 0.9)) == "workers"
    assert named(gain("pin", 0.1, 0.2), gain("together", 0.5, 0.6), gain("workers", 0.4, 0.6)) == "together"
    assert named(gain("workers", 0.01, 0.6), gain("pin", -0.2, -0.1)) is None
    assert named(gain("workers", 0.4, 0.6, same_losses=False)) is None
    assert named(gain("batch", 0.4, 0.6, free=False), gain("pin", 0.1, 0.2)) == "pin"


def test_the_best_change_where_nothing_was_tried_is_that_of_the_cause():
    assert named(gain("fused", key="slow-optimizer"), gain("workers")) == "workers"
    assert named(gain("fused", key="slow-optimizer")) is None
    assert best(Speed(primary=None, gains=(gain("workers"),))) is None
    assert named() is None


def test_files_as_the_best_change_makes_them():
    loader = Loader(number=0, kind="torch", training=True, stack=(FRAME,))
    trace = Trace(framework="torch", speed=SpeedTrace(loaders=(loader,)))
    primary = Slowness(key="too-few-workers", share=0.5, confidence=0.8, summary="", evidence=())
    found = Gain(
        fix="", key="too-few-workers", predicted=(0.3, 0.5), change=Change(name="workers", value="2")
    )
    speed = with_patches(Speed(primary=primary, gains=(found,)), trace, {"train.py": LOADER})
    (changed,) = best_patches(speed, trace, {"train.py": LOADER, "other.py": "x = 1\n"})
    assert changed.path == "train.py" and "num_workers=2" in changed.text
    assert changed.diff == speed.gains[0].patch
