"""The conda side of a build: what the solver is asked, what it finds in a channel, and what a lock holds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from envkit.build.access import access
from envkit.build.ask import Ask, request_of
from envkit.build.channels import channel, reachable
from envkit.build.conda import specs, virtual_packages
from envkit.build.conda_create import create_conda, failed, room
from envkit.build.conda_lock import lock_conda
from envkit.build.explicit import explicit, parse
from envkit.build.indexes import Given, indexes_of
from envkit.build.model import Indexes, Locked, Settings
from envkit.build.pip_config import PipConfig
from envkit.build.render.conda import environment, render
from envkit.build.run import Clock
from envkit.build.sbom import cyclonedx
from envkit.compat import load_compat
from envkit.core.errors import (
    BadInputError,
    BuildFailedError,
    DiskError,
    EngineError,
    EnvkitError,
    NetworkError,
    UsageError,
)
from envkit.engine import conda
from envkit.engine.conda_model import CondaFailed, Package, Virtual
from envkit.resolve.hosts import TypedTarget
from envkit.resolve.model import Plan
from envkit.resolve.request import Host, Request
from envkit.resolve.resolve import resolve
from tests.build import conda_channel
from tests.build.conda_channel import Made, conda_forge
from tests.coverage_notes import require

COMPAT = load_compat()
LINUX = Host(platform="linux-x86_64", glibc="2.36")


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return conda_channel.channel(tmp_path_factory.mktemp("forge"), conda_forge())


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    require("py-rattler (pip install 'envkit[conda]')", conda.present())
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def planned(here: Host = LINUX, **asked: object) -> tuple[Plan, Request]:
    """The plan for what is typed."""
    request = request_of(Ask(source="conda-forge", **asked), (here,), COMPAT)  # type: ignore[arg-type]
    plan = resolve(request, COMPAT)
    assert isinstance(plan, Plan), plan
    return plan, request


def target(driver: str | None = None, glibc: str | None = None, arch: str | None = None) -> TypedTarget:
    return TypedTarget(driver=driver, gpus=("a100",), glibc=glibc, arch=arch)


def settings(*channels: Path | str, requirements: str = "") -> Settings:
    return Settings(indexes=Indexes(channels=tuple(map(str, channels))), requirements=requirements)


def lock(plan: Plan, request: Request, chosen: Settings) -> Locked:
    return lock_conda(plan, chosen, request.hosts, COMPAT, access=access(()))


def builds(found: Locked) -> dict[str, str]:
    assert found.conda_lock is not None, found.lock
    return {package.name: package.build for package in parse(found.conda_lock)}


def virtual(plan: Plan, *hosts: Host) -> dict[str, Virtual]:
    return {each.name: each for each in virtual_packages(plan, hosts, COMPAT)}


def test_the_driver_decides_the_cuda_that_the_solver_is_told() -> None:
    plan, request = planned(gpu=True, target=target("550.54.15", "2.31"))
    told = virtual(plan, *request.hosts)
    assert told["__cuda"].text == "__cuda=12.4" and not told["__cuda"].assumed
    assert told["__glibc"].text == "__glibc=2.31" and not told["__glibc"].assumed
    assert told["__archspec"].text == "__archspec=1=x86_64"
    assert {"__unix", "__linux"} <= set(told)


@pytest.mark.parametrize(
    "drivers, cuda, assumed",
    [
        ((None,), "12.0", True),  # the least that runs a build for CUDA 12.9
        (("525.60.13",), "12.0", False),
        (("550", "570"), "12.4", False),  # the older one counts
        (("570", None), "12.0", True),
        (("99999",), None, False),  # newer than the tables: as the newest that is there
    ],
)
def test_several_and_unknown_drivers(
    drivers: tuple[str | None, ...], cuda: str | None, assumed: bool
) -> None:
    plan, _ = planned(gpu=True, cuda="cu129", target=target())
    told = virtual(plan, *(replace(LINUX, driver=driver) for driver in drivers))["__cuda"]
    newest = max(COMPAT.branches, key=lambda branch: branch.number).cuda
    assert (told.version, told.assumed) == (cuda or newest, assumed)


def test_a_cpu_plan_tells_no_cuda_even_where_a_gpu_is() -> None:
    here = replace(LINUX, driver="580.65.06")
    plan, _ = planned(here, cpu=True)
    assert "__cuda" not in virtual(plan, here)


def test_an_unknown_c_library_is_taken_for_the_least_and_said_to_be() -> None:
    plan, _ = planned(cpu=True)
    told = virtual(plan, replace(LINUX, glibc=None))["__glibc"]
    assert (told.version, told.assumed) == ("2.28", True)
    both = virtual(plan, replace(LINUX, glibc=None), replace(LINUX, glibc="2.17"))["__glibc"]
    assert (both.version, both.assumed) == ("2.17", True)


@pytest.mark.parametrize(
    "platform, expected",
    [
        ("linux-aarch64", {"__unix", "__linux", "__glibc", "__archspec"}),
        ("macos-arm64", {"__unix", "__osx", "__archspec"}),
        ("windows", {"__win", "__archspec"}),
    ],
)
def test_other_platforms(platform: str, expected: set[str]) -> None:
    here = Host(platform=platform)  # type: ignore[arg-type]
    plan, _ = planned(here, cpu=platform != "macos-arm64", gpu=False)
    assert set(virtual(plan, here)) == expected


def test_what_is_asked_for() -> None:
    plan, _ = planned(
        gpu=True,
        cuda="cu129",
        python="3.13",
        nvcc=True,
        extras=("torchvision", "torch-geometric"),
        target=target("580"),
    )
    asked = specs(plan, pip=True)
    assert [spec.match for spec in asked] == [
        f"pytorch =={plan.version} cuda129*",
        "python 3.13.*",
        "cuda-version 12.9.*",
        "cuda-nvcc",
        "torchvision 0.28.*",
        "pytorch_geometric >=2.4",
        "numpy",
        "pip",
    ]
    assert [spec.line for spec in asked][:5] == [
        f"pytorch={plan.version}=cuda129*",
        "python=3.13",
        "cuda-version=12.9",
        "cuda-nvcc",
        "torchvision=0.28",
    ]
    assert plan.base == ""


def test_servers_with_arm_get_no_build_for_jetson() -> None:
    here = Host(platform="linux-aarch64", glibc="2.36")
    plan, _ = planned(here, gpu=True, cuda="cu129", target=target("580", arch="arm64"))
    assert "arm-variant=*=sbsa" in [spec.line for spec in specs(plan, pip=False)]
    cpu, _ = planned(here, cpu=True)
    assert not any(spec.name == "arm-variant" for spec in specs(cpu, pip=False))


def test_the_solver_takes_the_build_of_the_plan(forge: Path) -> None:
    extras = ("torchvision", "tensorboard")
    for asked, build in (
        ({"gpu": True, "target": target("550", "2.31")}, "cuda129"),
        ({"gpu": True, "target": target("580", "2.31")}, "cuda130"),
        ({"cpu": True}, "cpu"),
    ):
        plan, request = planned(extras=extras, framework="torch==2.13.0", **asked)
        found = builds(lock(plan, request, settings(forge)))
        assert found["pytorch"].startswith(build) and found["torchvision"].startswith(build)
        assert ("cuda-version" in found) == (build != "cpu")
        assert {"python", "numpy", "tensorboard"} <= set(found)


@pytest.mark.parametrize(
    "cuda, asked, says",
    [
        (None, "cuda129", "__cuda"),
        ("11.8", "cuda129", "__cuda >=12"),
        ("12.9", "cuda130", "__cuda >=13"),
    ],
)
def test_a_cuda_build_needs_a_machine_that_has_it(
    forge: Path, cuda: str | None, asked: str, says: str
) -> None:
    told = [Virtual(name="__glibc", version="2.36")]
    told += [Virtual(name="__cuda", version=cuda)] if cuda else []
    found = conda.solve(
        (f"pytorch ==2.13.0 {asked}*", f"cuda-version {asked[4:6]}.{asked[6]}.*"),
        channels=(str(forge),),
        platform="linux-64",
        virtual=tuple(told),
    )
    assert isinstance(found, CondaFailed)
    assert found.kind == "unsolvable" and says in found.message


def test_what_no_channel_satisfies_is_said_with_the_machine(forge: Path) -> None:
    plan, request = planned(gpu=True, cuda="cu130", framework="torch==2.13.0", target=target("580"))
    old = tuple(replace(host, glibc="2.17") for host in request.hosts)
    with pytest.raises(BuildFailedError) as glibc:
        lock_conda(plan, settings(forge), old, COMPAT, access=access(()))
    assert "__glibc=2.17" in glibc.value.message and "__glibc >=2.28" in glibc.value.message
    other, request = planned(cpu=True, framework="torch==2.12.1")
    with pytest.raises(BuildFailedError) as version:
        lock(other, request, settings(forge))
    assert "No candidates were found for pytorch" in version.value.message


def test_two_runs_give_the_same_lock_and_bill(forge: Path) -> None:
    plan, request = planned(gpu=True, framework="torch==2.13.0", target=target("580", "2.31"))
    one, two = (lock(plan, request, settings(forge)) for _ in range(2))
    assert one == two and one.lock.kind == "hashes"
    assert cyclonedx(plan, one) == cyclonedx(plan, two)
    assert one.conda_lock is not None and "Solved for" in one.conda_lock and "__cuda=13.0" in one.conda_lock
    lines = one.conda_lock.partition("@EXPLICIT\n")[2].splitlines()
    assert lines and all(len(line.partition("#")[2]) == 64 for line in lines)


def test_the_library_reads_the_lock_that_is_written(forge: Path, tmp_path: Path) -> None:
    plan, request = planned(cpu=True, framework="torch==2.13.0")
    found = lock(plan, request, settings(forge))
    path = tmp_path / "lock.txt"
    path.write_text(found.conda_lock or "")
    # In a process of its own, as its threads outlive the call.
    code = (
        "import os, sys, pathlib\n"
        "from rattler.explicit_environment import ExplicitEnvironmentSpec as Spec\n"
        "spec = Spec.from_path(pathlib.Path(sys.argv[1]))\n"
        "print(spec.platform, *(package.url for package in spec.packages), sep='\\n', flush=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    platform, *urls = done.stdout.split()
    assert platform == "linux-64"
    assert len(urls) == len(parse(found.conda_lock or "")) > 3


def test_the_bill_names_conda_packages(forge: Path) -> None:
    plan, request = planned(cpu=True, framework="torch==2.13.0")
    bill = json.loads(cyclonedx(plan, lock(plan, request, settings(forge))))
    found = {each["name"]: each for each in bill["components"]}
    torch = found["pytorch"]
    assert torch["purl"].startswith("pkg:conda/pytorch@2.13.0?build=cpu_generic_")
    assert torch["purl"].endswith("&subdir=linux-64&type=conda")
    assert found["numpy"]["hashes"][0]["alg"] == "SHA-256"
    assert found["python"]["purl"].endswith("type=tar.bz2")


def test_a_persons_own_packages_come_after_and_are_not_locked(forge: Path) -> None:
    plan, request = planned(cpu=True, framework="torch==2.13.0")
    chosen = settings(forge, requirements="einops>=0.8\n")
    found = lock(plan, request, chosen)
    assert found.lock.kind == "versions" and "--requirements" in found.lock.why
    assert "pip" in builds(found)
    read = yaml.safe_load(environment(plan, found, chosen))
    assert read["dependencies"][-2:] == ["pip", {"pip": ["einops>=0.8"]}]


def test_environment_yml(forge: Path) -> None:
    plan, request = planned(gpu=True, framework="torch==2.13.0", python="3.14", target=target("550", "2.31"))
    chosen = settings(forge)
    found = lock(plan, request, chosen)
    written = {file.path: file.text for file in render(plan, found, chosen)}
    assert set(written) == {"environment.yml", "conda-lock.txt"}
    assert yaml.safe_load(written["environment.yml"]) == {
        "name": "torch-2.13.0-cu129",
        "channels": [forge.as_uri(), "nodefaults"],
        "dependencies": ["pytorch=2.13.0=cuda129*", "python=3.14", "cuda-version=12.9", "numpy"],
    }
    assert "CONDA_OVERRIDE_CUDA=12.9" in written["environment.yml"]
    assert '"conda-forge"' in environment(plan, found, Settings())


def test_a_channel_out_of_reach_leaves_the_plan_unlocked() -> None:
    plan, request = planned(cpu=True)
    found = lock(plan, request, settings("http://127.0.0.1:9/forge"))
    assert found.lock.kind == "none" and found.conda_lock is None
    assert "http://127.0.0.1:9/forge could not be asked" in found.lock.why and "--channel" in found.lock.why
    assert "# Not locked: " in environment(plan, found, Settings())


def test_a_directory_that_is_no_channel(tmp_path: Path) -> None:
    plan, request = planned(cpu=True)
    with pytest.raises(BadInputError, match="is no channel"):
        lock(plan, request, settings(tmp_path))


@pytest.mark.parametrize("damage", ["{", '{"packages": 3}', "\x00\xff"])
def test_a_damaged_index_is_no_traceback(tmp_path: Path, damage: str) -> None:
    shutil.copytree(conda_channel.channel(tmp_path / "a", conda_forge()), tmp_path / "b")
    (tmp_path / "b" / "linux-64" / "repodata.json").write_text(damage)
    found = conda.solve(("pytorch",), channels=(str(tmp_path / "b"),), platform="linux-64", virtual=())
    assert isinstance(found, CondaFailed) and found.message


def test_channels_as_people_name_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert channel(".") == str(tmp_path)
    assert channel("bioconda") == "bioconda"
    assert channel("https://me:secret@mirror.example/forge/") == "https://mirror.example/forge"
    for wrong, error in (
        ("./absent", BadInputError),
        ("https://mirror.example/t/secret/forge", UsageError),
        ("gopher://x", UsageError),
        ("a b", UsageError),
        ("", UsageError),
    ):
        with pytest.raises(error) as told:
            channel(wrong)
        assert "secret" not in told.value.message


def test_a_login_reaches_the_solver_and_no_file() -> None:
    given = Given(channels=("https://me:secret@mirror.example/forge",))
    indexes, logins, _ = indexes_of(given, PipConfig())
    chosen = Settings(indexes=indexes)
    assert reachable(chosen, logins) == ("https://me:secret@mirror.example/forge",)
    plan, _ = planned(cpu=True)
    assert ":secret@" not in repr(chosen)
    assert "secret" not in environment(plan, Locked(lock=plan.lock, requirements=""), chosen)
    assert conda.bare("https://me:secret@h.example/t/tok/c/noarch/a-1-0.conda") == (
        "https://h.example/c/noarch/a-1-0.conda"
    )


def test_lists_are_read_as_they_are_written() -> None:
    package = Package(
        name="a-b", version="1.0", build="h0_1", subdir="noarch", url="https://h.example/c/noarch/a-b-1.0-h0_1.conda",
        sha256="0" * 64,
    )  # fmt: skip
    old = replace(
        package, name="z", url="https://h.example/c/noarch/z-1.0-h0_1.tar.bz2", sha256=None, md5="1" * 32
    )
    bare = replace(package, name="y", url="https://h.example/c/noarch/y-1.0-h0_1.tar.bz2", sha256=None)
    text = explicit((package, old, bare), ("a comment",))
    assert parse(text) == (package, bare, old)
    assert (package.file, package.channel) == ("a-b-1.0-h0_1.conda", "https://h.example/c")
    strange = (
        "@EXPLICIT\nnothing\n#x\nhttps://h.example/c/noarch/a.conda\nhttps://h/c/n/a-1-0.conda#not-a-hash\n"
    )
    assert parse(strange) == ()


def made_env(forge: Path, prefix: Path, plan: Plan, found: Locked, requirements: str = "") -> None:
    create_conda(
        plan, found, settings(forge, requirements=requirements), prefix, Clock().phase,
        access=access(()), say=lambda line: None,
    )  # fmt: skip


def small(folder: Path, text: str = "one") -> tuple[Path, Plan, Locked]:
    """A channel whose packages have files, and its lock for this machine."""
    files = {"pytorch": {"share/torch.txt": text}, "numpy": {"share/numpy.txt": "numbers"}}
    forge = conda_channel.channel(folder, conda_forge(files=files))  # type: ignore[arg-type]
    plan, request = planned(cpu=True, framework="torch==2.13.0")
    return forge, plan, lock(plan, request, settings(forge))


def test_an_environment_is_what_was_locked(tmp_path: Path) -> None:
    forge, plan, found = small(tmp_path / "forge")
    prefix = tmp_path / "deep" / "env"
    made_env(forge, prefix, plan, found)
    assert (prefix / "share" / "torch.txt").read_text() == "one"
    records = {path.name for path in (prefix / "conda-meta").glob("*.json")}
    assert records == {f"{p.name}-{p.version}-{p.build}.json" for p in parse(found.conda_lock or "")}


def test_a_package_that_is_not_the_one_of_the_index(tmp_path: Path) -> None:
    forge, plan, found = small(tmp_path / "forge")
    (archive,) = (forge / "linux-64").glob("pytorch-2.13.0-cpu*")
    archive.write_bytes(
        conda_channel.archive(Made(name="pytorch", version="2.13.0", build="other", format="conda"))
    )
    prefix = tmp_path / "env"
    with pytest.raises(BuildFailedError, match="differs from the one that was locked"):
        made_env(forge, prefix, plan, found)
    assert not prefix.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["forge"]


def test_a_channel_that_changed_since_the_lock(tmp_path: Path) -> None:
    forge, plan, found = small(tmp_path / "forge")
    prefix = tmp_path / "env"
    made_env(forge, prefix, plan, found)
    small(tmp_path / "forge", text="two")
    with pytest.raises(BuildFailedError, match="another file of that name than was locked"):
        made_env(forge, prefix, plan, found)
    assert (prefix / "share" / "torch.txt").read_text() == "one", "the environment that was there stays"
    shutil.rmtree(forge / "linux-64")
    conda_channel.channel(forge, ())
    (forge / "linux-64").mkdir()
    (forge / "linux-64" / "repodata.json").write_text('{"packages": {}}')
    with pytest.raises(BuildFailedError, match="no longer has it"):
        made_env(forge, prefix, plan, found)


def test_without_a_lock_nothing_is_installed(tmp_path: Path) -> None:
    plan, request = planned(cpu=True)
    found = lock(plan, request, settings("http://127.0.0.1:9/forge"))
    with pytest.raises(NetworkError, match="could not be asked"):
        made_env(tmp_path, tmp_path / "env", plan, found)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_for_another_machine_is_not_installed_here(tmp_path: Path) -> None:
    plan, _ = planned(Host(platform="windows"), cpu=True)
    found = Locked(lock=plan.lock, requirements="", conda_lock="@EXPLICIT\n")
    with pytest.raises(UsageError, match="win-64"):
        made_env(conda_channel.channel(tmp_path / "forge", ()), tmp_path / "env", plan, found)


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forge, plan, found = small(tmp_path / "forge")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(EnvkitError) as told:
        made_env(forge, tmp_path / "env", plan, found)
    assert isinstance(told.value, DiskError), told.value.message
    assert not (tmp_path / "env").exists()


def test_a_persons_package_that_fails_leaves_nothing(tmp_path: Path) -> None:
    forge, plan, found = small(tmp_path / "forge")
    with pytest.raises(EnvkitError):
        made_env(
            forge, tmp_path / "env", plan, found, requirements="einops>=0.8\n"
        )  # the tree has no interpreter
    assert not (tmp_path / "env").exists()


def test_room_is_looked_at_first() -> None:
    room(10, 10, "/here")
    with pytest.raises(DiskError, match=r"4\.0 GiB, and 1\.0 GiB are free in /here"):
        room(4 << 30, 1 << 30, "/here")


@pytest.mark.parametrize(
    "kind, error",
    [
        ("absent", EngineError),
        ("platform", UsageError),
        ("hash", BuildFailedError),
        ("disk", DiskError),
        ("network", NetworkError),
        ("channel", NetworkError),
        ("other", BuildFailedError),
    ],
)
def test_every_failure_says_what_to_do(kind: str, error: type[EnvkitError], tmp_path: Path) -> None:
    plan, _ = planned(cpu=True)
    told = failed(CondaFailed(kind=kind, message="the words"), plan, tmp_path)  # type: ignore[arg-type]
    assert isinstance(told, error) and "the words" in told.message and told.todo


def test_a_child_that_dies_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that takes its process with it: here one that ends it at import."""
    (tmp_path / "rattler.py").write_text("import os, sys\nsys.stderr.write('\\x1b[31mgone\\n')\nos.abort()\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    found = conda.solve(("pytorch",), channels=("x",), platform="linux-64", virtual=())
    assert isinstance(found, CondaFailed) and found.kind == "other"
    assert "\x1b" not in found.message and found.message
