"""How speed is told: the cause first, where the time goes, what each fix would gain, and when to be quiet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.core.report import Bars, Report, Series
from envkit.diagnose.judge import judge
from envkit.diagnose.model import Change, Gain, Pace
from envkit.diagnose.sources import sources
from envkit.diagnose.speed import timeline, words
from envkit.diagnose.speed.sections import TOGETHER, best
from envkit.diagnose.speed.trace import Compilation
from envkit.diagnose.summary import report
from envkit.report import Options, render
from tests.diagnose.report import made
from tests.diagnose.speed import reports
from tests.diagnose.speed.reports import BOUND, LOGGING, RANKS, WORKERS, speed, told, waits
from tests.diagnose.speed.views import loader, stack, view

NOISY = (
    "noisy-neighbour: other processes used 68% of the CPUs and the hypervisor took 0%, while the training "
    "waited for a CPU 67% of the time; run it again when the machine is quiet"
)
PACE = Pace(steps=10, seconds=1.0, median=0.1, p95=0.1)
SHORT = "too little to judge the speed by: 9 steps in 0.2 s after the first ones"


def text(found: Report, *, verbose: bool = False, width: int = 100) -> str:
    return render(
        found, "text", Options(color=False, width=width, unicode=True, verbose=verbose, quiet=False)
    )


def conclusion(found: Report) -> str:
    return " ".join(text(found).split("\n\n")[-1].split())


def in_order(shown: str, *parts: str) -> None:
    places = [shown.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_the_cause_comes_first_and_all_fits_a_screen() -> None:
    shown = text(told(speed()))
    in_order(
        shown,
        "! warning: Too few data workers for the CPUs that are there",
        "55 % of the time is lost: one batch takes 38 ms to make",
        "train.py:44 (90 % sure)",
        "62 % of the time  the loader, timed",
        "Because of it: dataloader-bound",
        "Where the time goes: 68 ms a step",
        "waiting for data  ███",
        "> 44 │ loader = DataLoader(",
        "What each fix would gain",
        "num_workers=4 ",
        "2.1 to 2.4",
        "not tried",
        "num_workers=2 ",
        "1.80 to 1.90      the same",
        "bfloat16 autocast (changes what is",
        "another path",
        "print every 100 steps ",
        "not from outside",
        f"      {reports.PROVE}",
        "Note: smaller cause of slowness: heavy-logging 6 % (train.py:50)",
        "! Healthy, but 55 % of the time is lost: too-few-workers at train.py:44.",
    )
    assert shown.count("\n") <= 55
    assert "Your lines" not in shown


@pytest.mark.parametrize("width", (60, 80, 120))
def test_more_is_told_when_asked_for_and_nothing_is_too_wide(width: int) -> None:
    shown = text(told(speed(ranks=RANKS)), verbose=True, width=width)
    wide = [line for line in shown.splitlines() if len(line) > width]
    assert all("DataLoader" in line or reports.PROVE in line for line in wide)
    in_order(shown, "Each step", "8 steps took more than 3 times a usual one", "epoch 2 begins", "Your lines")
    assert "print takes 6" in shown


def test_a_rank_a_row() -> None:
    rows = text(told(speed(ranks=RANKS))).partition("\nRanks\n")[2].splitlines()
    assert [row.split() for row in rows[3:5]] == [["1", "47", "ms"], ["0", "21", "ms"]]


def test_compute_bound_is_good_news() -> None:
    shown = text(told(speed((BOUND,))))
    assert "i note: The machine computes as fast as it can" in shown
    assert "is lost" not in shown
    in_order(shown, "What is left to gain", "1.30 to 1.60", "✓ Healthy: 400 steps")
    assert conclusion(told(speed((BOUND,)))).endswith(
        "Nothing to mend in its speed: 93 % of the time is the model's own work."
    )


def test_no_cause_is_one_line() -> None:
    assert text(told(speed(()))).count("\n\n") == 1
    assert conclusion(told(speed(()))).endswith(
        "Nothing to mend in its speed: no cause takes 10 % of the time."
    )
    assert "Where the time goes" in text(told(speed(()), only="speed"))
    assert "! 55 % of the time is lost: too-few-workers at train.py:44." in text(told(speed(), only="speed"))


def test_why_nothing_was_concluded_and_what_to_do() -> None:
    noisy = told(speed(why_unknown=NOISY))
    assert "Note: its speed was not judged: other processes used 68 % of the CPUs" in text(noisy)
    assert conclusion(noisy) == "✓ Healthy: 400 steps, loss 1 to 1; watching took 0.7 % of the time."
    alone = told(speed(why_unknown=NOISY), only="speed")
    assert conclusion(alone).startswith("? Its speed cannot be judged: other processes used 68 %")
    assert "Where the time goes" in text(alone)


def test_a_short_run_is_quiet() -> None:
    short = speed(why_unknown=SHORT, blind=("something",))
    assert text(told(short)).splitlines()[2:4] == [
        "Note: its speed was not judged: only 9 steps in 0.2 s after the first ones",
        "",
    ]
    assert "let it train for some seconds more" in conclusion(told(short, only="speed"))


def test_what_could_not_be_seen_is_said() -> None:
    shown = text(told(speed(blind=("the backward pass",), deeper="ten steps were profiled")))
    assert "Note: could not be seen: the backward pass" in shown
    assert "Note: ten steps were profiled" in shown


def test_beside_a_fault_it_is_a_remark() -> None:
    files = {made.FILE: made.SOURCE}
    found = replace(judge((made.NAN,), made.DONE, files), speed=speed())
    shown = text(report(found, (made.NAN,), files, command="python train.py"))
    in_order(
        shown, "✗ error: The logarithm", "i note: Too few data workers", "Besides, it is slow.", "The line"
    )
    assert "Where the time goes" not in shown
    assert "✗ The loss of step 100 became nan. Cause: log-of-zero" in shown
    short = replace(found, speed=speed(why_unknown=SHORT, blind=("something",)))
    assert text(report(short, (made.NAN,), files, command="x")) == text(
        report(replace(found, speed=None), (made.NAN,), files, command="x")
    )


def test_only_speed_says_that_something_went_wrong() -> None:
    files = {made.FILE: made.SOURCE}
    found = replace(judge((made.NAN,), made.DONE, files), speed=speed(), causes=())
    shown = conclusion(report(found, (made.NAN,), files, command="x", only="speed"))
    assert shown.startswith(
        "✗ The loss of step 100 became nan. Why was not looked for: leave out --only speed."
    )
    assert shown.endswith("55 % of the time is lost: too-few-workers at /home/me/train.py:44.")


@pytest.mark.parametrize("name", ("html", "markdown"))
def test_every_format_has_the_figures(name: str) -> None:
    shown = render(told(speed(), page=name == "html"), name, Options(unicode=True))
    for part in ("too-few-workers", "55 % of the time is lost", "2.1 to 2.4", "train.py"):
        assert part in shown.replace("\\", "")


def test_a_page_has_speeds_from_zero_and_the_steps_on_top_of_each_other() -> None:
    blocks = [block for section in told(speed(), page=True).sections for block in section.blocks]
    (gains,) = (one for one in blocks if isinstance(one, Bars) and one.unit == "×")
    assert [(one.label, one.value, one.low, one.high) for one in gains.bars][:4] == [
        ("as it is", 1.0, None, None),
        ("num_workers=4: predicted", 2.23, 2.1, 2.35),
        ("num_workers=2: predicted", 1.85, 1.72, 1.98),
        ("num_workers=2: measured", 1.85, 1.8, 1.9),
    ]
    steps = next(one for one in blocks if isinstance(one, Series))
    assert steps.stacked
    assert [line.name for line in steps.ys] == [
        "waiting for data", "backward", "optimizer", "the rest: forward, own code",
    ]  # fmt: skip
    at = steps.x.index(99.0)
    assert sum(line.y[at] or 0 for line in steps.ys) == pytest.approx(276, abs=0.01)
    epochs = [mark.x for mark in steps.marks if "epoch" in mark.label]
    assert epochs == [100.0, 200.0, 300.0]
    stalls = [mark for mark in steps.marks if "epoch" not in mark.label]
    assert {mark.x for mark in stalls} <= {49.0 + 50 * number for number in range(8)}
    assert all(mark.label.startswith("276 ms, train.py:") for mark in stalls)


def test_one_long_step_does_not_flatten_the_others() -> None:
    seen = view(steps=100, step=lambda number: 0.02 + 3.0 * (number == 60), wait=0.01)
    (section,) = timeline.timeline(seen, "", page=True, detail=False)
    chart = section.blocks[-1]
    assert isinstance(chart, Series)
    assert (chart.stacked, chart.log_y, chart.ys[0].name) == (False, True, "step")
    assert chart.marks[0].x == 60


def test_a_long_run_is_thinned_and_keeps_what_stands_out() -> None:
    durations = [0.01 + 0.001 * (number % 7) for number in range(50_000)]
    durations[33_333] = 1.0
    kept = timeline.thinned(durations)
    assert len(kept) <= timeline.POINTS
    assert kept == sorted(set(kept))
    assert 33_333 in kept
    usual = sorted(durations[place] for place in kept)
    assert usual[len(usual) // 4] < 0.014


def test_a_gain_in_words() -> None:
    assert words.times((0.0, 0.0)) == "1.00"
    assert words.times((0.02, 0.35)) == "1.02 to 1.35"
    assert words.times((11.0, 49.0)) == "12 to 50"
    assert words.times(None) is None
    assert words.measured(Gain(fix="x", how="it crashed")) == "it crashed"
    tried = Gain(fix="x", measured=(0.1, 0.2), same_losses=True)
    assert (words.losses(tried), words.remark(tried)) == ("the same", "")
    alike = replace(tried, how="alike; others used 92% of the CPUs")
    assert (words.measured(alike), words.losses(alike)) == ("1.10 to 1.20", "alike")
    assert words.remark(alike) == "x: alike; others used 92 % of the CPUs"
    assert words.remark(alike) in text(told(replace(speed(), gains=(alike,))))
    assert not words.provable((Gain(fix="x"), *LOGGING.gains))
    assert words.provable(WORKERS.gains)
    assert words.spaced("5% to 9 % of 3.5%") == "5 % to 9 % of 3.5 %"


def test_the_change_that_is_shown_is_the_best_that_changes_nothing_else() -> None:
    few, many = (
        Gain(fix=fix, predicted=(low, 2.0), change=Change(name=fix), patch=f"--- {fix}")
        for fix, low in (("few", 0.2), ("many", 0.5))
    )
    assert best((many, few)) is many
    assert best((replace(many, patch=None), few)) is few
    assert best((replace(many, free=False), few)) is few
    slower = replace(many, measured=(-0.1, 0.1))
    faster = replace(few, measured=(0.1, 0.2))
    assert best((slower, few)) is few
    assert best((slower, faster)) is faster
    assert best((replace(faster, same_losses=False),)) is None
    whole = replace(faster, measured=(0.05, 0.2), change=Change(name=TOGETHER))
    assert best((faster, whole)) is whole
    shown = text(told(replace(speed(), gains=(whole,))))
    in_order(shown, "The line", "The change: few", "What each fix would gain")
    line = reports.SOURCE.splitlines()[reports.LINE - 1]
    same = replace(whole, patch=f"-{line}\n+{line}\n")
    assert "The line" not in text(told(replace(speed(), gains=(same,))))
    assert best(()) is None


def test_fixes_for_the_cause_come_first_and_those_that_change_the_training_last() -> None:
    rows = (
        Gain(fix="other", key="gc-pauses"), Gain(fix="half", key="too-few-workers", free=False),
        Gain(fix="more", key="dataloader-bound"), Gain(fix="both", change=Change(name=TOGETHER)),
    )  # fmt: skip
    shown = text(told(replace(speed(), gains=rows)))
    in_order(shown.partition("What each fix would gain")[2], "both", "more", "half", "other")


def test_a_step_that_is_rarely_usual_has_both_figures() -> None:
    pace = replace(PACE, steps=10, seconds=2.0, median=0.1)
    assert words.paced(pace) == "200 ms a step, half of them below 100 ms"
    assert words.paced(replace(pace, seconds=1.1)) == "100 ms a step"
    assert words.paced(replace(PACE, samples_per_second=12.34)) == "100 ms a step, 12.3 samples a second"


def test_what_the_verdict_and_the_report_call_slow_is_the_same() -> None:
    assert words.slow(None) is None
    assert words.slow(speed(())) is None
    assert words.slow(speed((BOUND,))) is None
    found = words.slow(speed())
    assert found is not None
    assert found.key == "too-few-workers"


def test_files_that_the_times_name_are_kept(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("own")
    names = ("loop.py", "rows.py", "loaders.py", "compiled.py", "attention.py")
    for name in (*names, "library.py"):
        (folder / name).write_text(f"# {name}\n")
    own = {name: str(folder / name) for name in names}
    seen = view(
        steps=20,
        samples=[("other", [f"{own['loop.py']}:3 work"], 0.5)],
        worker_samples=[([f"{own['rows.py']}:1 __getitem__"], 1.0)],
        loaders=[loader(made=f"{own['loaders.py']}:1 <module>")],
        settings={"attention": (f"{own['attention.py']}:1",)},
        compilations=[
            Compilation(step=1, seconds=1.0, what=f"{own['compiled.py']}:1 forward"),
            Compilation(step=1, seconds=1.0, what=f"{folder}/site-packages/library.py:1 forward"),
        ],
    )
    library = stack([f"{folder}/site-packages/library.py:1 f"])
    speed = replace(seen.speed, stacks=(*seen.speed.stacks, library))
    kept = sources((replace(seen.trace, speed=speed),))
    assert {one.path: one.text for one in kept} == {own[name]: f"# {name}\n" for name in names}


def test_a_run_where_nothing_was_timed_has_no_word_on_speed() -> None:
    assert "speed" not in conclusion(made.told(made.HEALTHY))
    assert waits().enough
