"""Zero false alarms: on a healthy machine no rule complains, and none has to guess."""

from __future__ import annotations

import pytest

from envkit.doctor.judge import fails, judge, verdict
from envkit.facts.gpu_model import Nvml
from tests.doctor.build import healthy_hybrid, healthy_laptop, healthy_slurm, healthy_workstation
from tests.doctor.change import changed, with_packages
from tests.doctor.further import FURTHER
from tests.doctor.machines import HEALTHY
from tests.doctor.parts import package
from tests.doctor.test_cpu_build import TF_CPU


@pytest.mark.parametrize("machine", (*HEALTHY, *FURTHER), ids=lambda machine: machine.__name__)
def test_nothing_is_wrong_or_unknown(machine, compat):
    findings = judge(machine(), compat)
    wrong = [(f.key, f.summary or f.why_unknown) for f in findings if f.outcome in ("problem", "unknown")]
    assert wrong == []
    assert verdict(findings) == "healthy"
    assert not fails(findings, strict=True)


NEARLY = (
    (changed(healthy_slurm(), "nvml.gpus[*].compute_mode", "exclusive-process"), "compute-mode-exclusive"),
    (changed(healthy_laptop(), "nvml", Nvml(state="driver-not-loaded")), "driver-not-loaded"),
    (changed(healthy_workstation(), "python.tensorflow", TF_CPU), "cpu-only-wheel"),
    (with_packages(healthy_workstation(), package("jaxlib", "0.9.0")), "jax-cpu-only-install"),
    (
        changed(healthy_workstation(), "containers.cdi[0].driver_version", "550.54.14"),
        "container-toolkit-misconfig",
    ),
    (changed(healthy_hybrid(), "nvml.gpus[0].pcie_width_max", 16), "pcie-link-narrow"),
    (changed(healthy_workstation(), "host.compiler", ""), "triton-no-gcc"),
    (
        changed(healthy_workstation(), "python.shadows", ("cwd:datasets: /home/person/datasets",)),
        "user-site-mix",
    ),
)


@pytest.mark.parametrize(("snapshot", "key"), NEARLY, ids=[key for _, key in NEARLY])
def test_what_is_worth_a_note_is_no_alarm(snapshot, key, compat):
    findings = judge(snapshot, compat)
    assert [(f.key, f.severity) for f in findings if f.outcome == "problem"] == [(key, "note")]
    assert verdict(findings) == "healthy"
    assert not fails(findings, strict=True)
