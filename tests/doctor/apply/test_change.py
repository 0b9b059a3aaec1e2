"""The allow-list: what a command must be before envkit runs it, and that the catalogue keeps to it."""

from __future__ import annotations

import re
import shlex

import pytest

from envkit.causes import CHECKED_FAMILIES, CauseDataError, catalogue
from envkit.causes.catalogue import _entry as entry_of
from envkit.causes.change import EnvironmentChange, NotApplicableError, PipChange, check_template, parsed

MARKED = tuple(
    (entry, step) for entry in catalogue().values() for step in entry.fix if step.apply is not None
)
PY = "/venv/bin/python"

SHELL = (
    "; rm -rf ~",
    " && sudo reboot",
    " | sh",
    " > /etc/passwd",
    " < /etc/passwd",
    " & true",
    " $(id)",
    " `id`",
    " ${IFS}",
    "\nrm x",
    " --break-system-packages",
    " --target=/",
    " -e .",
    " -r requirements.txt",
    " .",
    " ./torch.whl",
    " git+https://github.com/x/y",
    " 'torch @ https://example.org/torch.whl'",
    " https://example.org/torch.whl",
    " --index-url https://example.org/simple",
    " --extra-index-url https://download.pytorch.org.example.org/whl/cpu",
    " --index-url https://download.pytorch.org/whl/../x",
    " --index-url",
    " --find-links /tmp",
    " --trusted-host x",
    " --config-settings=x",
    " --user",
    " --root /",
    " --python /usr/bin/python3",
    " 'unfinished",
    " #",
    " \x1b[2J",
)
"""What must not stand after a command that is allowed."""


class TestPip:
    @pytest.mark.parametrize(
        ("command", "packages"),
        [
            (f"{PY} -m pip install 'numpy<2'", ("numpy",)),
            (f"{PY} -m pip install --force-reinstall --no-deps torchvision==0.24.1", ("torchvision",)),
            (f"{PY} -m pip install --upgrade 'jax[cuda12]==0.9.0'", ("jax",)),
            (f"{PY} -m pip install 'protobuf<7,>=3.20.3'", ("protobuf",)),
            (f"{PY} -m pip install 'nvidia-cudnn-cu12==9.*'", ("nvidia-cudnn-cu12",)),
            (
                f"{PY} -m pip install --force-reinstall torch==2.14.1 torchvision==0.29.2 "
                "--index-url https://download.pytorch.org/whl/cu126",
                ("torch", "torchvision"),
            ),
            (f"{PY} -m pip uninstall -y typing_extensions", ("typing-extensions",)),
            (f"uv pip install --python {PY} torch", ("torch",)),
        ],
    )
    def test_allowed(self, command, packages):
        change = parsed("pip", command)
        assert isinstance(change, PipChange)
        assert change.python == PY
        assert change.packages() == packages
        assert change.argv()[:3] == (PY, "-m", "pip")
        assert change.argv("/bin/uv")[:5] == ("/bin/uv", "pip", change.action, "--python", PY)
        # What is run, pasted into a shell, is the same change again.
        assert parsed("pip", shlex.join(change.argv())) == change

    @pytest.mark.parametrize("tail", SHELL)
    def test_nothing_else_stands_in_it(self, tail):
        with pytest.raises(NotApplicableError):
            parsed("pip", f"{PY} -m pip install torch{tail}")

    @pytest.mark.parametrize("tail", SHELL)
    def test_nor_after_uninstall(self, tail):
        with pytest.raises(NotApplicableError):
            parsed("pip", f"{PY} -m pip uninstall -y torch{tail}")

    @pytest.mark.parametrize(
        "command",
        [
            "",
            "pip install torch",
            "python -m pip install torch",
            f"sudo {PY} -m pip install torch",
            f"env X=1 {PY} -m pip install torch",
            f"{PY} -m pip",
            f"{PY} -m pip install",
            f"{PY} -m pip install --no-deps",
            f"{PY} -m pip uninstall -y",
            f"{PY} -m pip uninstall -y --no-deps",
            f"{PY} -m pip config set global.index-url x",
            f"{PY} -m pip download torch",
            f"{PY} -c pip install torch",
            "uv pip install torch",
            "uv pip install torch --python",
            f"uv pip sync --python {PY} torch",
            "apt install torch",
            "conda install torch",
            f"{PY} -m pip install " + "a " * 1500,
        ],
    )
    def test_other_commands(self, command):
        with pytest.raises(NotApplicableError):
            parsed("pip", command)

    def test_an_interpreter_of_any_name_is_one_word(self):
        change = parsed("pip", "'/home/x; rm -rf $HOME/bin/python' -m pip install torch")
        assert change.argv() == ("/home/x; rm -rf $HOME/bin/python", "-m", "pip", "install", "torch")


class TestEnvironment:
    def test_allowed(self):
        assert parsed("environment", "unset A_B C1") == EnvironmentChange(unset=("A_B", "C1"))
        assert parsed("environment", "export OMP_NUM_THREADS=4 MKL_NUM_THREADS=4") == EnvironmentChange(
            assign=(("OMP_NUM_THREADS", "4"), ("MKL_NUM_THREADS", "4"))
        )

    @pytest.mark.parametrize(
        "command",
        [
            "unset",
            "export",
            "unset PATH",
            "unset A PATH",
            "export HOME=/",
            "export PATH=/tmp",
            "export LD_PRELOAD=/tmp/x.so",
            "export LD_LIBRARY_PATH=/tmp",
            "export PYTHONPATH=/tmp",
            "export PYTHONSTARTUP=/tmp/x",
            "export HTTPS_PROXY=http://x",
            "export PIP_INDEX_URL=http://x",
            "export A",
            "export A=1; id",
            "export A=$(id)",
            "export A=`id`",
            "export 'A=a b'",
            "unset A; id",
            "unset -f A",
            "unset A-B",
            "unset a.b",
            "A=1",
            "env -u A python",
            "source x",
        ],
    )
    def test_not_allowed(self, command):
        with pytest.raises(NotApplicableError):
            parsed("environment", command)


class TestCatalogue:
    def test_steps_are_marked(self):
        kinds = [step.apply for _, step in MARKED]
        assert kinds.count("pip") >= 12 and kinds.count("environment") >= 7
        assert {entry.family for entry, _ in MARKED} <= set(CHECKED_FAMILIES)

    @pytest.mark.parametrize(("entry", "step"), MARKED, ids=lambda one: getattr(one, "key", ""))
    def test_every_marked_step_keeps_to_the_list(self, entry, step):
        check_template(step.apply, step.run)
        command = re.sub(r"\{=?[a-z_]+\}", "", step.run)
        assert not re.search(r"[;&|`$(){}\n]|sudo|--break|--user|\bapt\b|\bdnf\b|\bconda\b", command), command
        if step.apply == "pip":
            assert step.run == "{=torch_install}" or step.run.startswith(
                ("{python} -m pip install ", "{python} -m pip uninstall -y ")
            )
        else:
            assert step.run.startswith(("unset ", "export "))

    @pytest.mark.parametrize(
        "step",
        [
            {"apply": "pip"},
            {"apply": "pip", "run": "sudo {python} -m pip install x"},
            {"apply": "pip", "run": "python -m pip install x"},
            {"apply": "pip", "run": "/usr/bin/python3 -m pip install x"},
            {"apply": "pip", "run": "{python} -m pip install x && reboot"},
            {"apply": "pip", "run": "{python} -m pip install x --break-system-packages"},
            {"apply": "pip", "run": "{python} -m pip install {=x} | sh"},
            {"apply": "pip", "run": "{python} -m pip install numpy<2"},
            {"apply": "pip", "run": "{torch_install}"},
            {"apply": "environment", "run": "{=line}"},
            {"apply": "environment", "run": "export A=$(id)"},
            {"apply": "environment", "run": "unset PATH"},
            {"apply": "environment", "run": "{python} -m pip install x"},
            {"apply": "shell", "run": "unset A"},
        ],
        ids=str,
    )
    def test_a_step_that_claims_too_much_is_refused_at_load(self, step):
        row = {
            "key": "x",
            "title": "x",
            "severity": "error",
            "why": "x",
            "confirm": "x",
            "sources": ["x"],
            "fix": [{"say": "Do", **step}],
        }
        with pytest.raises(CauseDataError, match="a step marked apply"):
            entry_of("python", row)
