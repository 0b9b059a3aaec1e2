"""Where the report goes, in which format, and what is in it."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys

import pytest

from envkit.causes import CATALOGUE_FAMILIES, catalogue
from envkit.cli.main import run
from envkit.core.redact import Identity, saved
from envkit.doctor.rules import RULES, key_of
from tests.cli.commands import ENVKIT, FAULTY, environment, envkit, told

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)


@pytest.fixture
def ask(capsys):
    """Run a command line in this process: exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def findings(ask):
    """Findings of the faulty machine's snapshot, under options."""

    def call(*options: object) -> list[dict[str, object]]:
        return json.loads(ask("doctor", "--from", FAULTY, "--json", *options)[1])["findings"]

    return call


def problems(found: list[dict[str, object]], severity: str) -> list[str]:
    return [str(f["key"]) for f in found if f["outcome"] == "problem" and f["severity"] == severity]


class TestSelection:
    def test_only_and_skip_by_key_and_family(self, findings):
        whole = {str(f["key"]) for f in findings()}
        key = problems(findings(), "error")[0]
        assert [f["key"] for f in findings("--only", key)] == [key]
        assert key not in {f["key"] for f in findings("--skip", key)}
        family = {str(f["key"]) for f in findings("--only", "host")}
        assert family and all(catalogue()[name].family == "host" for name in family)
        assert not family & {f["key"] for f in findings("--skip", "host")}
        assert whole <= {key_of(rule) for rule in RULES}

    def test_names_are_repeated_or_with_commas(self, findings):
        one, two = sorted(str(f["key"]) for f in findings() if f["outcome"] == "ok")[:2]
        together = findings("--only", f"{one}, {two}")
        assert {f["key"] for f in together} == {one, two}
        assert findings("--only", one, "--only", two) == together
        assert [f["key"] for f in findings("--only", f"{one},{two}", "--skip", two)] == [one]

    def test_every_family_of_the_catalogue_can_be_named(self, ask):
        ruled = {catalogue()[key_of(rule)].family for rule in RULES}
        for family in CATALOGUE_FAMILIES:
            code, _, _ = ask("doctor", "--from", FAULTY, "-q", "--only", family)
            assert code in ((0, 1) if family in ruled else (2,))

    def test_list_shows_every_check_and_looks_at_nothing(self, ask):
        code, out, err = ask("doctor", "--list", "--from", "/no/such/file")
        assert (code, err) == (0, "")
        assert [line.split()[0] for line in out.splitlines()] == [key_of(rule) for rule in RULES]


class TestExitCode:
    def test_an_error_makes_it_1_and_a_warning_only_with_strict(self, ask, findings):
        found = findings()
        (error, *_), (warning, *_) = problems(found, "error"), problems(found, "warning")
        assert ask("doctor", "--from", FAULTY)[0] == 1
        assert ask("doctor", "--from", FAULTY, "--only", error)[0] == 1
        assert ask("doctor", "--from", FAULTY, "--only", warning)[0] == 0
        assert ask("doctor", "--from", FAULTY, "--only", warning, "--strict")[0] == 1

    def test_unknowns_stay_0(self, ask, tmp_path):
        empty = tmp_path / "empty.json"
        empty.write_text('{"schema": "envkit.snapshot/1"}')
        code, out, _ = ask("doctor", "--from", empty, "--json", "--strict")
        answer = json.loads(out)
        assert (code, answer["verdict"]) == (0, "unknown")
        assert "problem" not in {f["outcome"] for f in answer["findings"]}

    @pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
    def test_it_does_not_depend_on_the_format(self, ask, form):
        assert ask("doctor", "--from", FAULTY, "--format", form)[0] == 1


class TestDetail:
    def test_quiet_and_verbose(self, ask):
        quiet, normal, verbose = (
            ask("doctor", "--from", FAULTY, *flags)[1] for flags in (["-q"], [], ["--verbose"])
        )
        assert len(quiet) < len(normal) < len(verbose)
        assert "This machine" not in quiet and "This machine" in normal
        assert "Probes" not in normal and "Probes" in verbose
        assert "driver-too-old" in quiet

    def test_the_snapshot_is_in_the_json_with_v_only(self, ask):
        assert json.loads(ask("doctor", "--from", FAULTY, "--json")[1])["snapshot"] is None
        snapshot = json.loads(ask("doctor", "--from", FAULTY, "--json", "-v")[1])["snapshot"]
        assert snapshot["schema"] == "envkit.snapshot/1"


class TestFormats:
    @pytest.mark.parametrize(
        "flags", [["--json"], ["--json", "-v"], ["--format", "json", "-q"]], ids=" ".join
    )
    def test_standard_output_is_pure_json(self, flags):
        done = envkit("doctor", *flags)
        answer = json.loads(done.stdout)
        assert answer["schema"] == "envkit.doctor/1"
        assert answer["verdict"] in ("healthy", "problems", "unknown")
        assert done.stderr == ""
        assert done.returncode in (0, 1)

    @pytest.mark.parametrize(
        "form, start", [("text", "envkit doctor"), ("markdown", "# envkit doctor"), ("html", "<!")]
    )
    def test_the_others(self, form, start):
        done = envkit("doctor", "--format", form)
        assert done.stdout.startswith(start)
        assert done.stdout.endswith("\n")
        assert done.stderr == ""
        assert "\x1b" not in done.stdout

    def test_an_output_that_holds_ascii_only(self):
        done = envkit("doctor", "--from", FAULTY, env={"PYTHONIOENCODING": "ascii"})
        assert done.stdout.isascii()
        assert (done.returncode, done.stderr) == (1, "")


class TestFiles:
    @pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
    def test_output(self, tmp_path, ask, form):
        target = tmp_path / "report"
        code, out, err = ask("doctor", "--from", FAULTY, "--format", form, "--output", target)
        assert (code, out, err) == (1, "", "")
        assert "driver-too-old" in target.read_text("utf-8")
        assert "\x1b" not in target.read_text("utf-8")
        assert os.listdir(tmp_path) == ["report"]

    @pytest.mark.parametrize("flag", ["--output", "--save"])
    @pytest.mark.parametrize("target", ["none/file", "/dev/full", ".", "/proc/envkit"])
    def test_where_nothing_can_be_written(self, tmp_path, flag, target):
        done = envkit("doctor", "--from", FAULTY, flag, target, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (7, "")
        assert "cannot write" in told(done)[0]
        assert os.listdir(tmp_path) == []
        assert stat.S_ISCHR(os.stat("/dev/full").st_mode), "a device is never replaced"

    def test_a_report_may_go_nowhere(self):
        done = envkit("doctor", "--from", FAULTY, "-o", "/dev/null")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)

    def test_save_to_standard_output_beside_a_report_in_a_file(self, tmp_path, ask):
        code, out, _ = ask("doctor", "--from", FAULTY, "--save", "-", "-o", tmp_path / "report")
        assert code == 1
        assert json.loads(out)["schema"] == "envkit.snapshot/1"

    @pytest.mark.parametrize("form", ["text", "markdown", "html"])
    def test_a_report_that_can_be_sent_names_nobody(self, tmp_path, form):
        home = tmp_path / "home/zebedee"
        home.mkdir(parents=True)
        env = {"HOME": str(home), "USER": "zebedee", "LOGNAME": "zebedee"}
        envkit("doctor", "-v", "--format", form, "-o", "report", env=env, cwd=home)
        report = (home / "report").read_text("utf-8")
        assert "zebedee" not in report


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A snapshot of this machine, saved by a person who has something to hide, and what doctor said."""
    home = tmp_path_factory.mktemp("homes") / "zebedee"
    home.mkdir()
    env = {
        "HOME": str(home),
        "USER": "zebedee",
        "LOGNAME": "zebedee",
        "HF_TOKEN": "hf_abcdefghijklmnopqrstuvwxyz",
        "PIP_INDEX_URL": "https://zebedee:hunter2@pypi.example/simple",
        "HTTPS_PROXY": "http://zebedee:hunter2@proxy.example:3128",
        "CUDA_VISIBLE_DEVICES": "GPU-8d2c1f6e-0a5b-4c3d-9e7f-112233445566",
        "HF_HOME": str(home / "hf"),
        "TORCH_HOME": "/home/somebody/torch",
    }
    done = envkit("doctor", "--json", "--save", "snapshot.json", env=env, cwd=home)
    assert done.returncode in (0, 1)
    return home / "snapshot.json", json.loads(done.stdout)


class TestSaved:
    def test_judging_it_again_finds_the_same(self, here, ask):
        file, said = here
        assert json.loads(ask("doctor", "--from", file, "--json")[1]) == said

    def test_it_holds_no_name_and_no_secret(self, here):
        file, said = here
        text = file.read_text("utf-8") + json.dumps(said)
        for hidden in ("zebedee", "hunter2", "hf_abcdefgh", "somebody", str(file.parent)):
            assert hidden not in text
        assert not UUID.search(text)
        host = socket.gethostname()
        if saved(host, Identity.here()) != host:  # some names are everybody's
            assert not re.search(rf"\b{re.escape(host)}\b", text)

    def test_what_is_no_secret_is_still_there(self, here):
        snapshot = json.loads(here[0].read_text("utf-8"))
        env = {var["name"]: var["value"] for var in snapshot["env"]}
        assert env["HF_HOME"] == "~/hf"
        assert env["PIP_INDEX_URL"] == "https://***@pypi.example/simple"
        assert re.fullmatch(r"GPU-[0-9a-f]{12}", env["CUDA_VISIBLE_DEVICES"])

    def test_saving_what_was_loaded_changes_nothing(self, here, ask, tmp_path):
        ask("doctor", "--from", here[0], "--save", tmp_path / "once")
        ask("doctor", "--from", tmp_path / "once", "--save", tmp_path / "twice")
        assert (tmp_path / "twice").read_text() == (tmp_path / "once").read_text()
        assert json.loads((tmp_path / "once").read_text()).keys() == json.loads(here[0].read_text()).keys()

    def test_unknown_fields_survive_at_every_depth(self, ask, tmp_path):
        snapshot = json.loads(FAULTY.read_text())
        snapshot["later"] = {"a": [1, {"b": "/home/somebody/x"}]}
        snapshot["cpu"]["later"] = "é"
        snapshot["nvml"]["gpus"][0]["later"] = [None]
        snapshot["probes"][0]["later"] = True
        (tmp_path / "x").write_text(json.dumps(snapshot))
        ask("doctor", "--from", tmp_path / "x", "--save", tmp_path / "y")
        again = json.loads((tmp_path / "y").read_text())
        assert again["later"] == {"a": [1, {"b": "/home/<user>/x"}]}
        assert again["cpu"]["later"] == "é"
        assert again["nvml"]["gpus"][0]["later"] == [None]
        assert again["probes"][0]["later"] is True

    def test_a_file_may_be_saved_over_itself(self, ask, tmp_path):
        (tmp_path / "x").write_bytes(FAULTY.read_bytes())
        assert ask("doctor", "--from", tmp_path / "x", "--save", tmp_path / "x")[0] == 1
        assert json.loads((tmp_path / "x").read_text()) == json.loads(FAULTY.read_text())


class TestStreams:
    """Standard streams that are full, closed, or that nobody reads."""

    @staticmethod
    def shell(line: str) -> subprocess.CompletedProcess[str]:
        program = " ".join(ENVKIT)
        return subprocess.run(
            ["sh", "-c", line.replace("ENVKIT", program).replace("FAULTY", str(FAULTY))],
            env=environment(),
            capture_output=True,
            text=True,
        )

    def test_a_reader_that_went_away(self):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [*ENVKIT, "doctor", "--from", str(FAULTY), "-v"],
            env=environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (1, b"")

    @pytest.mark.parametrize("command", ["doctor --from FAULTY -v", "explain", "--help"])
    def test_head(self, command):
        done = self.shell(f"ENVKIT {command} | head -1")
        assert done.stderr == ""
        assert len(done.stdout.splitlines()) == 1

    @pytest.mark.parametrize("command", ["doctor --from FAULTY", "explain", "--help", "--version"])
    def test_a_full_disk(self, command):
        done = self.shell(f"ENVKIT {command} > /dev/full")
        assert done.returncode == 7
        assert "No space left" in told(done)[0]

    @pytest.mark.parametrize(
        "command, code", [("doctor --from FAULTY", 1), ("--version", 0), ("nonsense", 2)]
    )
    def test_closed_streams(self, command, code):
        assert self.shell(f"ENVKIT {command} >&-").returncode == code
        done = self.shell(f"ENVKIT {command} 2>&-")
        assert (done.returncode, done.stderr) == (code, "")
        done = self.shell(f"ENVKIT {command} <&- >&- 2>&-")
        assert (done.returncode, done.stdout, done.stderr) == (code, "", "")

    def test_closed_standard_input(self):
        done = self.shell("ENVKIT doctor --from - <&-")
        assert done.returncode == 4
        assert "standard input is empty" in told(done)[0]

    def test_nobody_reads_the_errors(self):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([*ENVKIT, "nonsense"], env=environment(), stderr=writing)
        os.close(writing)
        assert done.returncode == 2

    def test_nothing_is_written_to_stderr_off_a_terminal(self):
        done = envkit("doctor")
        assert done.stderr == ""


class TestColourOffTheTerminal:
    def test_none(self):
        assert "\x1b" not in envkit("doctor", "--from", FAULTY).stdout

    def test_forced(self):
        assert "\x1b[" in envkit("doctor", "--from", FAULTY, env={"FORCE_COLOR": "1"}).stdout

    def test_no_color_wins(self):
        env = {"FORCE_COLOR": "1", "NO_COLOR": "1"}
        assert "\x1b" not in envkit("doctor", "--from", FAULTY, env=env).stdout

    @pytest.mark.parametrize("form", ["json", "markdown", "html"])
    def test_never_in_what_is_no_terminal_format(self, form):
        done = envkit("doctor", "--from", FAULTY, "--format", form, env={"FORCE_COLOR": "1"})
        assert "\x1b" not in done.stdout


def test_the_program_that_is_installed_is_the_same():
    """The entry point of the package, as `pip` makes it a program."""
    script = "import sys; from envkit.cli.main import main; sys.argv = ['envkit', '--version']; main()"
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, envkit("--version").stdout)
