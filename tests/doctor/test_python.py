"""The target Python itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.doctor.rules import python
from envkit.facts.python_model import TargetPython
from tests.doctor.cases import LAPTOP, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread, with_packages
from tests.doctor.machines import healthy_conda
from tests.doctor.parts import SITE, package

CONDA = healthy_conda()
CONDA_SITE = CONDA.python.distributions[0].location
USER_SITE = WORKSTATION.python.user_site
BARE = changed(LAPTOP, "python.torch", None, "python.distributions", ())
LEFTOVER = replace(
    package("torch", "2.13.0"), broken=f"left behind by an interrupted pip: {SITE}/~orch-2.13.0.dist-info"
)
NO_METADATA = replace(package("pillow", "12.0"), broken="No such file or directory: METADATA")
NOT_STARTED = TargetPython(
    executable="/home/person/old/bin/python",
    prefix="/home/person/old",
    base_prefix="/opt/python3.9",
    base_exists=False,
)


def packages(snapshot, *more, first=()):
    return changed(snapshot, "python.distributions", (*first, *snapshot.python.distributions, *more))


def outside(snapshot, *more):
    """With packages in the user site, which comes first."""
    return changed(packages(snapshot, first=more), "python.user_site_enabled", True)


CASES = (
    # venv-broken
    flip(
        python.venv_broken,
        WORKSTATION,
        "python.base_exists",
        False,
        says=("/home/person/train/.venv", "/usr"),
        fix=("mv /home/person/train/.venv /home/person/train/.venv.broken",),
    ),
    ill(python.venv_broken, "did not start", changed(WORKSTATION, "python", NOT_STARTED), "/opt/python3.9"),
    ill(
        python.venv_broken,
        "a package without metadata",
        with_packages(WORKSTATION, NO_METADATA),
        "pillow",
        severity="warning",
        fix=("--force-reinstall --no-deps pillow",),
    ),
    ill(
        python.venv_broken,
        "torch half removed",
        with_packages(WORKSTATION, LEFTOVER),
        "torch",
        fix=("--no-deps torch",),
    ),
    ill(
        python.venv_broken,
        "clutter beside a whole torch",
        packages(WORKSTATION, LEFTOVER),
        severity="note",
        fix=(f"rm -r {SITE}/~orch-2.13.0.dist-info",),
    ),
    fine(python.venv_broken, "whole", WORKSTATION),
    unsure(python.venv_broken, "not read", unread(WORKSTATION, "python")),
    unsure(
        python.venv_broken,
        "it hangs",
        changed(unread(WORKSTATION, "cpu", probe="python"), "cpu", WORKSTATION.cpu, "python.read", False),
    ),
    # python-unsupported
    flip(
        python.python_unsupported,
        BARE,
        "python.version",
        "3.17.0",
        says=("3.17",),
        fix=("uv venv --python 3.15",),
    ),
    ill(python.python_unsupported, "ancient", changed(BARE, "python.version", "3.6.15"), "3.6"),
    ill(
        python.python_unsupported,
        "free-threaded, which torch has left",
        changed(BARE, "python.version", "3.12.0", "python.free_threaded", True),
        "3.12t",
    ),
    fine(python.python_unsupported, "a framework is there", WORKSTATION),
    fine(python.python_unsupported, "the newest", changed(BARE, "python.version", "3.15.0"), "torch 2.15.0"),
    fine(python.python_unsupported, "older", changed(BARE, "python.version", "3.9.21"), "torch 2.8.0"),
    fine(
        python.python_unsupported,
        "free-threaded",
        changed(BARE, "python.version", "3.13.9", "python.free_threaded", True),
        "torch 2.11.0",
    ),
    fine(
        python.python_unsupported,
        "a framework that we know nothing of",
        changed(WORKSTATION, "python.version", "3.17.0"),
    ),
    unsure(python.python_unsupported, "not read", unread(WORKSTATION, "python")),
    # user-site-mix
    flip(
        python.user_site_mix,
        WORKSTATION,
        "python.pythonhome",
        "/opt/python",
        says=("PYTHONHOME=/opt/python",),
        severity="warning",
        fix=("unset PYTHONHOME",),
    ),
    ill(
        python.user_site_mix,
        "user site hides the environment's torch",
        outside(CONDA, package("torch", "2.5.0", site=USER_SITE)),
        "torch 2.5.0",
        "which has 2.9.1",
        fix=("PYTHONNOUSERSITE=1",),
    ),
    ill(
        python.user_site_mix,
        "torch in the user site only",
        outside(changed(CONDA, "python.distributions", ()), package("torch", "2.5.0", site=USER_SITE)),
        severity="note",
    ),
    ill(
        python.user_site_mix,
        "PYTHONPATH",
        changed(
            packages(WORKSTATION, first=(package("numpy", "1.26.4", site="/opt/site"),)),
            "python.pythonpath",
            ("/opt/site",),
        ),
        "/opt/site",
        fix=("unset PYTHONPATH",),
    ),
    ill(
        python.user_site_mix,
        "a file of the same name",
        changed(WORKSTATION, "python.shadows", ("random: /home/person/lib/random.py",)),
        "/home/person/lib/random.py",
        "random",
        severity="warning",
        fix=("Rename /home/person/lib/random.py",),
    ),
    ill(
        python.user_site_mix,
        "a script's folder hides the standard library",
        changed(WORKSTATION, "python.shadows", ("cwd:tokenize: /home/person/train/tokenize.py",)),
        "tokenize",
        "current directory",
        severity="warning",
    ),
    ill(
        python.user_site_mix,
        "a project's own folder `datasets`",
        changed(WORKSTATION, "python.shadows", ("cwd:datasets: /home/person/train/datasets",)),
        severity="note",
    ),
    fine(python.user_site_mix, "nothing outside", WORKSTATION),
    fine(python.user_site_mix, "the user site is on and empty", CONDA),
    fine(
        python.user_site_mix,
        "the same version outside",
        outside(CONDA, package("torch", "2.9.1", site=USER_SITE)),
    ),
    fine(
        python.user_site_mix,
        "the environment comes first",
        changed(
            packages(WORKSTATION, package("torch", "2.5.0", site=USER_SITE)), "python.user_site_enabled", True
        ),
    ),
    fine(
        python.user_site_mix,
        "a system Python with packages of its user",
        changed(
            packages(WORKSTATION, first=(package("torch", "2.5.0", site=USER_SITE),)),
            "python.kind",
            "system",
            "python.user_site_enabled",
            True,
        ),
    ),
    fine(
        python.user_site_mix,
        "tools in the user site",
        outside(CONDA, package("transformers", "4.0", site=USER_SITE)),
    ),
    unsure(python.user_site_mix, "not read", unread(WORKSTATION, "python")),
    # mixed-conda-pip
    flip(
        python.mixed_conda_pip,
        CONDA,
        "python.distributions[0]",
        package("torch", "2.9.1+cu129", site=CONDA_SITE, installer="pip"),
        says=("2.9.1", "2.9.1+cu129", "pip"),
        fix=("new environment", "pip uninstall -y torch"),
    ),
    ill(
        python.mixed_conda_pip,
        "a pure package that pip has updated",
        with_packages(CONDA, package("typing-extensions", "4.16.0", site=CONDA_SITE, installer="pip")),
        "typing-extensions",
        severity="note",
    ),
    fine(python.mixed_conda_pip, "pure packages from pip, and pip's own update", CONDA),
    fine(
        python.mixed_conda_pip,
        "in the user site, which is another folder",
        packages(CONDA, package("torch", "2.5.0", site=USER_SITE, installer="pip")),
    ),
    apart(python.mixed_conda_pip, "no conda", WORKSTATION),
    unsure(python.mixed_conda_pip, "not read", unread(CONDA, "python")),
    # duplicate-distribution
    flip(
        python.duplicate_distribution,
        WORKSTATION,
        "python.distributions",
        (*WORKSTATION.python.distributions, package("numpy", "1.26.4")),
        severity="warning",
        says=("numpy", "2.4.1", "1.26.4"),
        fix=("pip uninstall -y numpy",),
    ),
    fine(python.duplicate_distribution, "each once", WORKSTATION),
    fine(
        python.duplicate_distribution,
        "two directories",
        packages(WORKSTATION, package("torch", "2.5.0", site=USER_SITE)),
    ),
    unsure(python.duplicate_distribution, "not read", unread(WORKSTATION, "python")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)
