"""Reports about speed, of runs made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from envkit.core.finding import Evidence
from envkit.core.report import Report
from envkit.diagnose.model import Change, Diagnosis, Gain, Overhead, RankPace, ScriptEnd, Speed, Where
from envkit.diagnose.speed import verdict
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.diagnose.summary import report
from tests.diagnose.speed.views import SCRIPT, loader, view

FOLDER = "/home/me"
LINE = 44
"""Where the loader is made."""
SOURCE = "".join(
    {
        31: "        image = augment(image)\n",
        LINE: "loader = DataLoader(images, batch_size=16, shuffle=True)\n",
    }.get(number, f"line_{number} = {number}\n")
    for number in range(1, 61)
)
COMMAND = "python train.py --epochs 4"
PROVE = f"envkit diagnose --only speed --try -- {COMMAND}"
WORKERS = Slow(
    key="too-few-workers", share=0.55, confidence=0.9, where=Where(file=SCRIPT, line=LINE, phase="data"),
    summary="one batch takes 38 ms to make, training on it 22 ms, and num_workers is 0 with 8 usable CPUs",
    evidence=(
        Evidence(what="waiting for data", value="62% of the time", source="the loader, timed"),
        Evidence(what="num_workers", value="0", source="train.py:44"),
    ),
    gains=(
        Gain(fix="num_workers=4", predicted=(1.1, 1.35), change=Change(name="workers", value="4")),
        Gain(
            fix="num_workers=2", predicted=(0.72, 0.98), measured=(0.8, 0.9), same_losses=True,
            change=Change(name="workers", value="2"),
        ),
        Gain(
            fix="bfloat16 autocast", predicted=(0.03, 0.12), measured=(0.05, 0.09), same_losses=False,
            free=False, change=Change(name="autocast", value="bfloat16"),
        ),
    ),
)  # fmt: skip
WAITING = Slow(key="dataloader-bound", share=0.5, summary="it waits", evidence=())
LOGGING = Slow(
    key="heavy-logging", share=0.06, summary="print takes 6% of the time", evidence=(),
    where=Where(file=SCRIPT, line=50), gains=(Gain(fix="print every 100 steps", predicted=(0.04, 0.06)),),
)  # fmt: skip
BOUND = Slow(
    key="compute-bound", share=0.93, summary="93% of the time is the model's own work", evidence=(),
    gains=(Gain(fix="bfloat16 autocast", predicted=(0.3, 0.6), free=False, change=Change(name="autocast")),),
)  # fmt: skip
RANKS = (RankPace(rank=0, own=0.021), RankPace(rank=1, own=0.047))


def waits(steps: int = 400) -> View:
    """Of a run that waits for its data, with a stall each 50 steps and four epochs."""
    return view(
        steps=steps,
        step=lambda number: 0.06 + 0.004 * (number % 5) + 0.2 * (number % 50 == 49),
        wait=lambda number: 0.038 + 0.003 * (number % 5),
        backward=0.012,
        optimizer=0.003,
        samples=[
            ("wait", ["numpy/fft.py:3 rfft", "train.py:31 __getitem__"], 0.4),
            ("wait", ["train.py:33 __getitem__"], 0.18),
        ],
        loaders=[loader(batches=steps, waited=0.044 * steps, epochs=4, made=f"train.py:{LINE} <module>")],
        files={SCRIPT: SOURCE},
    )


def speed(slows: Sequence[Slow] = (WORKERS, WAITING, LOGGING), **more: Any) -> Speed:
    """What is concluded where analyzers say this; more: further fields of Speed."""
    seen = waits()
    found = Speed(primary=None, parts=verdict.parts(seen), pace=verdict.pace(seen), **more)
    return found if found.why_unknown else verdict.judged(found, slows, seen)


def diagnosis(found: Speed | None, **more: Any) -> Diagnosis:
    """Of a run without a fault."""
    given: dict[str, Any] = {
        "verdict": "healthy", "causes": (), "speed": found, "script": ScriptEnd(exit_code=0, signal=None),
        "overhead": Overhead(median=0.007, low=0.006, high=0.008), **more,
    }  # fmt: skip
    return Diagnosis(**given)


def told(found: Speed | None, **more: Any) -> Report:
    """The report; more: options of `report`."""
    seen = waits()
    given: dict[str, Any] = {"command": COMMAND, "folder": FOLDER, "prove": PROVE, **more}
    return report(diagnosis(found), (seen.trace,), seen.files, conditions=seen.conditions, **given)
