"""From findings to offers: what is offered, what is not and why; hostile values."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from envkit.core.finding import Finding, FixStep
from envkit.doctor.apply.allowed import rehearsal, rehearsed
from envkit.doctor.apply.model import FileOffer, PipOffer, StartFile, Target
from envkit.doctor.apply.plan import environment_after, plan
from envkit.doctor.judge import judge
from tests.doctor.cases import WORKSTATION
from tests.doctor.change import changed, with_packages
from tests.doctor.parts import package

PY = "/venv/bin/python"
VENV = Target(
    executable=PY,
    prefix="/venv",
    kind="venv",
    externally_managed=False,
    writable=True,
    site="/venv/lib/python3.12/site-packages",
    owner=1000,
    pip=(24, 0),
    uv=None,
    user=1000,
)
INSTALL = f"{PY} -m pip install --force-reinstall --no-deps torchvision==0.24.1"
ENV = {"HOME": "/home/p", "SHELL": "/bin/bash"}


def finding(*steps: FixStep, key: str = "torch-torchvision-mismatch") -> Finding:
    return Finding(key=key, outcome="problem", title="Wrong", severity="error", fix=steps)


def step(command: str, kind: str | None = "pip") -> FixStep:
    return FixStep(say="Do it", run=command, apply=kind)  # type: ignore[arg-type]


def rc(path: str, data: bytes, **more: object) -> StartFile:
    dialect = "fish" if path.endswith(".fish") else "conf" if "environment" in path else "sh"
    return StartFile(path=path, real=path, dialect=dialect, data=data, **more)  # type: ignore[arg-type]


def planned(*findings: Finding, target=VENV, files=(), **env: str):
    return plan(findings, target, tuple(files), {**ENV, **env}, "envkit 2026-01-02")


def why(*findings: Finding, **more) -> str:
    found = planned(*findings, **more)
    assert found.offers == ()
    return "; ".join(one.reason for one in found.withheld)


class TestPip:
    def test_offered(self):
        (offer,) = planned(finding(step(INSTALL))).offers
        assert isinstance(offer, PipOffer)
        assert offer.argvs == (tuple(INSTALL.split()),)
        assert (offer.prefix, offer.as_root) == ("/venv", False)

    def test_steps_of_one_finding_are_one_offer(self):
        remove = step(f"{PY} -m pip uninstall -y numpy")
        (offer,) = planned(finding(remove, remove, step(f"{PY} -m pip install --no-deps numpy==2.0"))).offers
        assert [argv[3] for argv in offer.argvs] == ["uninstall", "uninstall", "install"]
        assert [change.action for change in rehearsed(offer.changes)] == ["install"]
        assert rehearsal(offer.changes[2], None)[-2:] == ("--dry-run", "--ignore-installed")

    def test_uv_where_there_is_no_pip(self):
        (offer,) = planned(finding(step(INSTALL)), target=replace(VENV, pip=None, uv="/bin/uv")).offers
        assert offer.argvs[0] == (
            *("/bin/uv", "pip", "install", "--python", PY),
            *("--force-reinstall", "--no-deps", "torchvision==0.24.1"),
        )

    def test_only_marked_steps_of_problems(self):
        left = finding(step("sudo reboot", None), key="reboot-pending")
        fine = replace(finding(step(INSTALL)), outcome="ok")
        found = planned(left, fine)
        assert (found.offers, found.withheld, found.left) == ((), (), ("reboot-pending",))

    @pytest.mark.parametrize(
        ("facts", "says"),
        [
            ({"externally_managed": True, "kind": "system"}, "PEP 668"),
            ({"writable": False}, "may not write to /venv/lib"),
            ({"user": 0, "owner": 0, "kind": "system"}, "no system Python as root"),
            ({"user": 0, "owner": 1000}, "belongs to another user"),
            ({"pip": None}, "has no pip, and there is no uv on PATH"),
            ({"conda": ("numpy", "torchvision")}, "conda installed torchvision"),
            ({"editable": ("torchvision",)}, "source checkout"),
            ({"executable": "/other/bin/python"}, "another Python"),
        ],
    )
    def test_refused(self, facts, says):
        assert says in why(finding(step(INSTALL)), target=replace(VENV, **facts))

    def test_refused_with_dependencies_beside_conda(self):
        command = f"{PY} -m pip install --force-reinstall torch==2.9.1"
        assert "dependencies" in why(finding(step(command)), target=replace(VENV, conda=("numpy",)))
        assert planned(finding(step(INSTALL)), target=replace(VENV, conda=("numpy",))).offers

    def test_refused_what_cannot_be_tried_out(self):
        pair = (step(f"{PY} -m pip uninstall -y numpy"), step(f"{PY} -m pip install numpy"))
        assert "update pip" in why(finding(*pair), target=replace(VENV, pip=(21, 0)))

    def test_root_in_an_environment_of_its_own(self):
        (offer,) = planned(finding(step(INSTALL)), target=replace(VENV, user=0, owner=0)).offers
        assert offer.as_root

    def test_a_target_that_does_not_start(self):
        assert why(finding(step(INSTALL)), target="it does not start") == "it does not start"

    @pytest.mark.parametrize(
        "command",
        [
            f"sudo {INSTALL}",
            f"{INSTALL}; rm -rf ~",
            f"{PY} -m pip install $(id)",
            f"{PY} -m pip install --break-system-packages torch",
            f"{PY} -m pip install torch && reboot",
            "",
        ],
    )
    def test_a_command_beside_the_list(self, command):
        assert "envkit does not run this command" in why(finding(step(command)))


HOSTILE = (
    "x; rm -rf ~",
    "$(touch pwned)",
    "`id`",
    "a b",
    "x' ; id '",
    "x\nid",
    "--target=/",
    "x@https://e.org/",
)


class TestHostile:
    """Values of a foreign environment cannot make another command."""

    @pytest.mark.parametrize("folder", HOSTILE)
    def test_the_path_of_the_interpreter(self, folder, compat):
        python = f"/home/p/{folder}/bin/python"
        machine = changed(
            with_packages(WORKSTATION, package("torchvision", "0.20.0")), "python.executable", python
        )
        target = replace(VENV, executable=python)
        found = plan(judge(machine, compat), target, (), ENV, "")
        for offer in found.offers:
            assert all(argv[:4] == (python, "-m", "pip", "install") for argv in offer.argvs)
        if folder == "x\nid":
            assert found.offers == ()
        else:
            assert found.offers

    @pytest.mark.parametrize("value", HOSTILE)
    @pytest.mark.parametrize("name", ["protobuf", "numpy"])
    def test_versions_and_requirements(self, value, name, compat):
        machine = with_packages(
            WORKSTATION,
            package(name, "1.0" if name == "protobuf" else "2.1"),
            package("onnx", value, f"{name}<1", f"{name}=={value}", f"{name} @ {value}", f"{value}{name}<1"),
            package("torchvision", value),
        )
        target = replace(VENV, executable=machine.python.executable)
        offers = plan(judge(machine, compat), target, (), ENV, "").offers
        assert offers
        for offer in offers:
            for argv in offer.argvs:
                assert value not in " ".join(argv)
                assert argv[:4] == (target.executable, "-m", "pip", "install")
                assert all(shlex.quote(word) in (word, f"'{word}'") for word in argv)

    @pytest.mark.parametrize("value", HOSTILE)
    def test_a_duplicate(self, value, compat):
        machine = with_packages(WORKSTATION, package("onnx", "1.0"))
        machine = changed(
            machine, "python.distributions", (*machine.python.distributions, package("onnx", value))
        )
        target = replace(VENV, executable=machine.python.executable)
        (offer,) = plan(judge(machine, compat), target, (), ENV, "").offers
        assert offer.argvs[2][3:] == ("install", "--no-deps", "onnx==1.0")


UNSET = FixStep(say="Unset it", run="unset CUDA_HOME CUDA_PATH", apply="environment")
BASHRC = rc("/home/p/.bashrc", b"x\nexport CUDA_HOME=/nope\n")


class TestUnset:
    def test_offered(self):
        (offer,) = planned(finding(UNSET), files=(BASHRC,), CUDA_HOME="/nope").offers
        assert isinstance(offer, FileOffer)
        assert offer.after == b"x\n# envkit 2026-01-02: export CUDA_HOME=/nope\n"
        assert offer.paste == "unset CUDA_HOME"

    def test_each_file_is_an_offer_of_its_own(self):
        files = (BASHRC, rc("/home/p/.profile", b"CUDA_PATH=/nope\n"), rc("/home/p/.zshrc", b"PATH=/x\n"))
        found = planned(finding(UNSET), files=files, CUDA_HOME="/nope", CUDA_PATH="/nope")
        assert [offer.file.path for offer in found.offers] == ["/home/p/.bashrc", "/home/p/.profile"]
        assert {offer.paste for offer in found.offers} == {"unset CUDA_HOME CUDA_PATH"}

    def test_the_system_is_for_the_administrator(self):
        etc = rc(
            "/etc/environment", b"# x\nCUDA_HOME=/nope\n", system=True, problem="it is the administrator's"
        )
        found = planned(finding(UNSET), files=(etc,), CUDA_HOME="/nope")
        assert found.offers == ()
        (told,) = found.withheld
        assert told.reason == "line 2 of /etc/environment sets CUDA_HOME: ask the administrator"
        assert told.paste == "unset CUDA_HOME"

    @pytest.mark.parametrize(
        ("file", "says"),
        [
            (
                replace(BASHRC, problem="it is read-only"),
                "line 2 of /home/p/.bashrc sets CUDA_HOME; it is read-only",
            ),
            (
                rc("/home/p/.bashrc", b"export CUDA_HOME=/x A=1\n"),
                "line 1 of /home/p/.bashrc sets CUDA_HOME; it does",
            ),
        ],
    )
    def test_what_may_not_be_changed_is_told(self, file, says):
        assert why(finding(UNSET), files=(file,), CUDA_HOME="/x").startswith(says)

    def test_from_nowhere(self):
        assert "no start-up file sets CUDA_HOME: it comes from" in why(finding(UNSET), CUDA_HOME="/nope")

    def test_fish(self):
        file = rc("/home/p/.config/fish/config.fish", b"set -gx CUDA_HOME /nope\n")
        (offer,) = planned(finding(UNSET), files=(file,), SHELL="/usr/bin/fish", CUDA_HOME="/nope").offers
        assert offer.paste == "set -e CUDA_HOME"

    def test_what_a_new_shell_sees(self):
        etc = rc("/etc/environment", b"CUDA_HOME=/nope\n", system=True, problem="no")
        env = {"CUDA_HOME": "/nope", "CUDA_PATH": "/x", "A": "1"}
        (offer,) = planned(finding(UNSET), files=(BASHRC,), **env).offers
        assert environment_after(env, offer, (BASHRC,)) == {"A": "1"}
        assert environment_after(env, offer, (BASHRC, etc)) == {"A": "1", "CUDA_HOME": "/nope"}


SET = FixStep(say="Set it", run="export OMP_NUM_THREADS=4 MKL_NUM_THREADS=4", apply="environment")


class TestSet:
    def test_at_the_end_of_the_shells_own_file(self):
        files = (rc("/home/p/.profile", b"p\n"), rc("/home/p/.bashrc", b"x\n"), rc("/home/p/.zshrc", b"z\n"))
        (offer,) = planned(finding(SET), files=files).offers
        assert offer.file.path == "/home/p/.bashrc"
        assert offer.after.decode().splitlines()[1:] == [
            "export OMP_NUM_THREADS=4  # envkit 2026-01-02",
            "export MKL_NUM_THREADS=4  # envkit 2026-01-02",
        ]
        (offer,) = planned(finding(SET), files=files, SHELL="/bin/zsh").offers
        assert offer.file.path == "/home/p/.zshrc"
        assert environment_after({}, offer, files) == {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"}

    def test_where_it_is_set_already(self):
        files = (rc("/home/p/.bashrc", b"x\n"), rc("/home/p/.profile", b"export OMP_NUM_THREADS=64\n"))
        (offer,) = planned(finding(SET), files=files).offers
        assert offer.file.path == "/home/p/.profile"

    def test_nowhere_to_put_it(self):
        found = planned(finding(SET))
        assert found.offers == ()
        assert found.withheld[0].paste == "export OMP_NUM_THREADS=4 MKL_NUM_THREADS=4"
        blocked = rc("/home/p/.bashrc", b"x\n", problem="it is read-only")
        assert "/home/p/.bashrc is not changed: it is read-only" in why(finding(SET), files=(blocked,))
