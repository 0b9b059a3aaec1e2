"""The programs do what truth.toml says: each fault strikes, late enough; each mended form and each
correct program stays finite and learns.

Running all takes five minutes: without ENVKIT_TEST_CORPUS=all one of nine runs. `make bench-nan` runs all
under the watcher.
"""

from __future__ import annotations

import ast
import math
import os
import tomllib

import pytest

from tests.coverage_notes import require
from tests.scripts.corpus import ROOT, Fault, Runner, faults, framework, programs

NOT_A_MEASURE = {
    "healthy/gan_1d.py",
    "healthy/wgan_penalty.py",
    "healthy/reinforce_bandit.py",
    "healthy/gridworld_a2c.py",
    "healthy/dqn_chain.py",
    "healthy/clipped_spikes.py",
    "healthy_keras/gan_two_optimizers.py",
    "healthy_keras/policy_gradient.py",
}
"""Programs whose loss does not measure what they learn, or is too noisy to compare."""

EVERY = 1 if os.environ.get("ENVKIT_TEST_CORPUS") == "all" else 9
FAULTS = [pytest.param(fault, id=fault.program) for fault in faults()]
HEALTHY = programs("healthy") + programs("healthy_keras")


@pytest.fixture(scope="module")
def runners(tmp_path_factory):
    """Starts one server per framework when it is first needed."""
    started: dict[str, Runner] = {}

    def get(name: str) -> Runner:
        require(f"{name} (make {name})", (ROOT / f".venv-{name}" / "bin" / "python").exists())
        if name not in started:
            started[name] = Runner(name, tmp_path_factory.mktemp(name))
        return started[name]

    yield get
    for runner in started.values():
        runner.close()


@pytest.mark.parametrize("fault", FAULTS[::EVERY])
def test_fault_strikes_and_not_too_early(runners, fault: Fault):
    ran = runners(fault.framework).run(fault.program, "--log-every", "1")
    bad = ran.first_bad()
    early = [row for row in ran.rows if row[0] is not None and row[0] <= fault.survives]
    assert all(math.isfinite(value) for row in early for value in row[1]), early
    assert len(early) >= min(fault.survives, 5), ran.text[-2000:]
    if fault.error:
        assert fault.error in ran.text
    else:
        assert ran.code == 0, ran.text[-2000:]
        assert bad is not None, ran.text[-2000:]


@pytest.mark.parametrize("fault", FAULTS[4::EVERY])
def test_mended_form_is_healthy(runners, fault: Fault):
    ran = runners(fault.framework).run(fault.program, "--healthy", "--log-every", "1")
    assert ran.code == 0, ran.text[-2000:]
    assert len(ran.rows) >= 20
    assert ran.first_bad() is None, ran.rows[ran.first_bad() or 0]
    assert ran.fell() or not fault.falls


@pytest.mark.parametrize("program", HEALTHY[::EVERY])
def test_correct_program_is_healthy(runners, program: str):
    ran = runners(framework(program)).run(program, "--log-every", "1")
    assert ran.code == 0, ran.text[-2000:]
    assert len(ran.rows) >= 20
    assert ran.first_bad() is None, ran.rows[ran.first_bad() or 0]
    assert ran.fell() or program in NOT_A_MEASURE


@pytest.mark.parametrize("fault", FAULTS)
def test_truth_fits_the_program(fault: Fault):
    causes = tomllib.loads((ROOT / "envkit" / "causes" / "data" / "numerics.toml").read_text())["cause"]
    assert fault.key in {cause["key"] for cause in causes}
    assert fault.lines(), "no line is marked"
    names = {
        node.name for node in ast.parse(fault.path.read_text()).body if isinstance(node, ast.FunctionDef)
    }
    assert ("guilty" in names) == fault.samples


def test_every_faulty_program_has_its_truth():
    listed = sorted(fault.program for fault in faults())
    assert listed == sorted(programs("faults") + programs("faults_keras"))
    assert len(listed) == len(set(listed))


def test_enough_correct_programs():
    assert len(HEALTHY) >= 40


@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_guilty_samples_lie_in_the_data(runners, name):
    """At other sizes and seeds, too."""
    chosen = [fault for fault in faults() if fault.samples and fault.framework == name]
    cases = [
        (fault.program, size, seed) for fault in chosen for size in (600, 4001) for seed in (0, 1, 12345)
    ]
    for (program, size, seed), rows in zip(cases, runners(name).guilty(cases), strict=True):
        assert rows, program
        assert rows == sorted(set(rows)), program
        assert rows[0] >= 0 and rows[-1] < size, (program, size, seed, rows)
