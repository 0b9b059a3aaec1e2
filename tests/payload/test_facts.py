"""`facts` in real interpreters and environments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.payload.targets import (
    BASE,
    PAYLOAD,
    clean_environment,
    facts,
    install,
    install_torch,
    interpreters,
    make_venv,
    parsed,
    site_of,
    start,
    torch_python,
)


@pytest.fixture
def venv(tmp_path):
    return make_venv(tmp_path / "venv")


def test_a_plain_venv(venv):
    found = facts(venv).python
    assert found["version"] == ".".join(str(part) for part in sys.version_info[:3])
    assert found["kind"] == "venv"
    assert found["prefix"] == str(venv.parents[1])
    assert found["base_prefix"] == sys.base_prefix
    assert found["base_exists"] is True
    assert found["system_site_packages"] is False
    assert found["user_site_enabled"] is False
    assert found["shadows"] == found["distributions"] == found["conda_packages"] == found["openmp"] == []
    assert not any(str(PAYLOAD) in entry for entry in found["paths"])


def test_system_site_packages_and_uv(tmp_path):
    python = make_venv(tmp_path / "venv", "--system-site-packages")
    with (tmp_path / "venv" / "pyvenv.cfg").open("a") as file:
        file.write("uv = 0.9.2\n")
    found = facts(python).python
    assert found["system_site_packages"] is True
    assert found["kind"] == "uv"


@pytest.mark.parametrize("python", interpreters())
def test_every_interpreter_of_this_machine_answers(python, tmp_path):
    done = start(python, "facts", cwd=tmp_path)
    lines = parsed(done.stdout)
    asked = subprocess.run(
        [python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"], capture_output=True, text=True
    )
    version = asked.stdout.strip()
    if tuple(int(part) for part in version.split(".")[:2]) < (3, 9):
        assert lines == [{"kind": "unsupported", "version": version, "minimum": "3.9"}]
        assert done.returncode == 0 and done.stderr == ""
    else:
        assert lines[0] == {"kind": "start", "version": version, "executable": lines[0]["executable"]}
        assert lines[-1] == {"kind": "end"}
        assert [line for line in lines if line["kind"] == "error"] == []


def test_an_older_python_is_refused_in_one_line():
    """As on a machine that has one."""
    main = str(PAYLOAD / "__main__.py")
    code = f"import sys, runpy; sys.version_info = (3, 8, 18); runpy.run_path({main!r}, run_name='__main__')"
    done = subprocess.run([str(BASE), "-c", code], capture_output=True, text=True, env=clean_environment())
    assert parsed(done.stdout) == [{"kind": "unsupported", "version": "3.8.18", "minimum": "3.9"}]


def test_duplicates_in_the_order_of_sys_path(venv, tmp_path):
    extra = tmp_path / "extra"
    install(site_of(venv), "numpy", "2.4.6")
    install(site_of(venv), "nvidia-cudnn-cu12", "9.10.2.21", installer="uv")
    install(extra, "numpy", "1.26.4")
    found = facts(venv, env={"PYTHONPATH": str(extra)})
    assert [(one["version"], one["location"]) for one in found.copies("numpy")] == [
        ("1.26.4", str(extra)),
        ("2.4.6", str(site_of(venv))),
    ]
    assert found.copies("nvidia-cudnn-cu12")[0]["installer"] == "uv"
    assert found.python["pythonpath"] == [str(extra)]
    assert found.python["shadows"] == []


def test_requirements_only_on_what_matters(venv):
    requires = ("nvidia-cudnn-cu13==9.26.0.51; platform_system == 'Linux'", "sympy>=1.13", "Triton~=3.9.0")
    install(site_of(venv), "torch", "2.15.0", requires=requires)
    install(site_of(venv), "sympy", "1.14.0")
    found = facts(venv)
    assert found.copies("torch")[0]["requires"] == [requires[0], requires[2]]
    assert found.copies("sympy") == []


def test_user_site_comes_before_site_packages(tmp_path):
    user = tmp_path / ".local" / "lib" / BASE.name / "site-packages"
    install(user, "protobuf", "3.20.3")
    found = facts(BASE, env={"HOME": str(tmp_path)})
    assert found.python["user_site"] == str(user)
    assert found.python["user_site_enabled"] is True
    assert found.copies("protobuf")[0]["location"] == str(user)
    assert str(user) in found.python["paths"]


def test_broken_distributions(venv):
    site = site_of(venv)
    (install(site, "torch", "2.13.0") / "METADATA").unlink()
    (install(site, "scipy", "1.17.0") / "METADATA").write_text("Metadata-Version: 2.1\n")
    (site / "~orch-2.12.0.dist-info").mkdir()
    (site / "~-mpy").mkdir()
    (site / "~rivate").mkdir()
    found = facts(venv)
    broken = [
        (one["name"], one["version"], one["broken"].partition(":")[0])
        for one in found.python["distributions"]
    ]
    assert sorted(broken) == [
        ("numpy", "", "left behind by an interrupted pip"),
        ("scipy", "1.17.0", f"no Name in {site}/scipy-1.17.0.dist-info/METADATA"),
        ("torch", "2.12.0", "left behind by an interrupted pip"),
        ("torch", "2.13.0", "No such file or directory"),
    ]


def test_editable_and_egg(venv, tmp_path):
    site = site_of(venv)
    folder = install(site, "transformers", "5.0.0.dev0")
    (folder / "direct_url.json").write_text('{"dir_info": {"editable": true}, "url": "file:///src"}')
    source = tmp_path / "src"
    (source / "accelerate.egg-info").mkdir(parents=True)
    (source / "accelerate.egg-info" / "PKG-INFO").write_text("Name: accelerate\nVersion: 1.9\n")
    (site / "accelerate.egg-link").write_text(f"{source}\n.")
    (site / "h5py-3.9.0-py3.11.egg-info").write_text("Name: h5py\nVersion: 3.9.0\n")
    found = facts(venv)
    assert [found.copies(name)[0]["editable"] for name in ("transformers", "accelerate", "h5py")] == [
        True,
        True,
        False,
    ]
    assert found.copies("h5py")[0]["version"] == "3.9.0"


def test_shadows(venv, tmp_path):
    """A stray file counts where it hides something; a namespace folder hides nothing."""
    stray, here = tmp_path / "stray", tmp_path / "here"
    install_torch(site_of(venv), "2.13.0+cpu", None)
    for folder in (stray / "numpy", here / "datasets", here / "scipy"):
        folder.mkdir(parents=True)
    (here / "scipy" / "__init__.py").write_text("")  # scipy is not installed: nothing to hide
    (stray / "random.py").write_text("raise SystemExit('hidden')")
    (stray / "json.py").write_text("raise SystemExit('hidden')")
    (stray / "torch.py").write_text("")
    (stray / "train.py").write_text("")
    (here / "torch").mkdir()
    (here / "torch" / "__init__.py").write_text("")
    (here / "os.py").write_text("")
    (here / "random.py").write_text("")
    (here / "tests.py").write_text("")
    (here / "time.py").write_text("")  # built in: cannot be hidden
    found = facts(venv, env={"PYTHONPATH": str(stray)}, cwd=here).python
    assert found["shadows"] == [
        f"json: {stray}/json.py",
        f"random: {stray}/random.py",
        f"torch: {stray}/torch.py",
        f"cwd:random: {here}/random.py",
        f"cwd:torch: {here}/torch",
    ]


def test_what_the_start_of_python_prints_spoils_nothing(venv):
    """Text without a newline before us, buffered text after us."""
    (site_of(venv) / "sitecustomize.py").write_text(
        "import sys, os, atexit\nprint('hello')\nos.write(1, b'no newline')\n"
        'atexit.register(print, \'{"kind": "late"}\')\n'
    )
    done = start(venv, "facts")
    lines = parsed(done.stdout)
    assert lines[0]["kind"] == "start" and lines[-1]["kind"] == "end"
    assert not any(line["kind"] == "late" for line in lines)


def test_a_sitecustomize_that_raises_is_survived(venv):
    (site_of(venv) / "sitecustomize.py").write_text("raise ValueError('broken')")
    assert "broken" in facts(venv).stderr


def test_names_that_are_not_utf8(venv, tmp_path):
    odd = tmp_path / "odd-\udcff"
    odd.mkdir()
    assert any("odd-?" in entry for entry in facts(venv, env={"PYTHONPATH": str(odd)}).python["paths"])


def test_a_working_directory_that_is_gone(venv, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    code = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [str(BASE), "-c", code, str(venv), str(PAYLOAD / "__main__.py"), "facts"],
        cwd=gone,
        capture_output=True,
        text=True,
        env=clean_environment(),
    )
    assert parsed(done.stdout)[-1]["kind"] == "end"


def test_conda(venv):
    folder = venv.parents[1] / "conda-meta"
    folder.mkdir()
    for name in ("pytorch-2.9.1-cuda129_py312_1", "libcublas-12.9.1.4-h9ab20c4_0", "zlib-1.3.1-hb9d3cd8_2"):
        (folder / f"{name}.json").write_text("{}")
    (folder / "history").write_text("")
    found = facts(venv).python["conda_packages"]
    assert [(one["name"], one["version"], one["installer"]) for one in found] == [
        ("libcublas", "12.9.1.4", "conda"),
        ("pytorch", "2.9.1", "conda"),
    ]


@pytest.mark.parametrize(
    ("version", "cuda", "told"), [("2.15.0+cu132", "13.2", "13.2"), ("2.13.0+cpu", None, "")]
)
def test_torch_builds(venv, version, cuda, told):
    folder = install_torch(site_of(venv), version, cuda)
    found = facts(venv).torch
    assert (found["version"], found["path"], found["cuda"], found["hip"]) == (version, str(folder), told, "")
    assert found.get("archs") == (None if cuda else [])


def test_torch_of_conda_forge_has_its_libraries_in_the_environment(venv):
    """And a torch.py on PYTHONPATH is no torch."""
    install_torch(site_of(venv), "2.9.1", "12.9")
    library = venv.parents[1] / "lib" / "libtorch_cuda.so"
    library.write_bytes((PAYLOAD.parents[1] / "tests/payload/data/libkernels.so").read_bytes())
    found = facts(venv).torch
    assert found["archs"] == ["sm_75", "sm_80", "sm_90a", "sm_100", "sm_120", "compute_120"]
    assert found["archs_from"] == "fatbin: libtorch_cuda.so"
    assert found["rpath"] == [] and found["rpath_kind"] is None


def test_tensorflow_build_info(venv):
    folder = site_of(venv) / "tensorflow" / "python" / "platform"
    folder.mkdir(parents=True)
    (site_of(venv) / "tensorflow" / "__init__.py").write_text("")
    (folder / "build_info.py").write_text(
        "import collections\nbuild_info = collections.OrderedDict([('cpu_compiler', 'clang'), "
        "('cuda_compute_capabilities', ['sm_60', 'sm_89', 'compute_90']), ('cuda_version', '12.5.1'), "
        "('cudnn_version', '9'), ('is_cuda_build', True), ('is_rocm_build', False)])\n"
    )
    install(site_of(venv), "tensorflow", "2.21.0")
    assert facts(venv).tensorflow == {
        "version": "2.21.0",
        "path": str(site_of(venv) / "tensorflow"),
        "is_cuda": True,
        "is_rocm": False,
        "cuda": "12.5.1",
        "cudnn": "9",
        "archs": ["sm_60", "sm_89", "compute_90"],
    }


def test_openmp_runtimes(venv):
    for path in ("torch/lib/libgomp.so.1", "scipy.libs/libgomp-a34b3233.so.1.0.0", "sub/libgomp.so.1"):
        file = site_of(venv) / path
        file.parent.mkdir(parents=True)
        file.write_bytes(b"")
    (venv.parents[1] / "lib" / "libiomp5.so").write_bytes(b"")
    (venv.parents[1] / "lib" / "libomp.so").symlink_to("libiomp5.so")
    assert [path.rpartition("/")[2] for path in facts(venv).python["openmp"]] == [
        "libgomp.so.1",
        "libgomp-a34b3233.so.1.0.0",
        "libiomp5.so",
    ]


def test_pip_configuration_of_all_levels(venv, tmp_path):
    home = tmp_path / "home"
    (home / ".config" / "pip").mkdir(parents=True)
    (home / ".config" / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://me:secret@index.example/simple\nno-index = true\n"
        "[install]\nextra-index-url =\n    https://one.example/simple\n    https://token@two.example/simple\n"
    )
    (venv.parents[1] / "pip.conf").write_text("[global]\nproxy = http://proxy.example:3128\nno-index = off\n")
    env = {
        "HOME": str(home),
        "PIP_FIND_LINKS": "/wheels",
        "XDG_CONFIG_HOME": "",
        "XDG_CONFIG_DIRS": str(home),
    }
    found = facts(venv, env=env).python["pip"]
    assert found["index_url"] == "https://***@index.example/simple"
    assert found["extra_index_url"] == "https://one.example/simple https://***@two.example/simple"
    assert found["proxy"] == "http://proxy.example:3128"
    assert found["no_index"] is False
    assert found["find_links"] == "/wheels"
    assert str(venv.parents[1] / "pip.conf") in found["files"]
    assert facts(venv, env={**env, "PIP_CONFIG_FILE": "/dev/null"}).python["pip"] == {
        "files": [],
        "find_links": "/wheels",
    }


def test_externally_managed(tmp_path):
    """A base interpreter with the mark in its standard library; a venv made from it does not have it."""
    found = facts(BASE).python
    library = next(entry for entry in found["paths"] if entry.endswith(f"/{BASE.name}"))
    assert found["externally_managed"] is (Path(library) / "EXTERNALLY-MANAGED").exists()
    assert found["system_site_packages"] is None
    assert found["kind"] in ("system", "other", "conda")


@pytest.mark.torch
def test_torch_of_the_test_environment():
    python = torch_python()
    found = facts(python)
    asked = subprocess.run(
        [
            python,
            "-c",
            "import torch; print(torch.__version__, torch.compiled_with_cxx11_abi(), torch.__path__[0])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    version, abi, path = asked.stdout.split()
    assert (found.torch["version"], str(found.torch["cxx11_abi"]), found.torch["path"]) == (
        version,
        abi,
        path,
    )
    assert found.torch["cuda"] == "" and found.torch["archs"] == []
    assert len(found.copies("torch")) == 1
    assert any("libgomp" in path for path in found.python["openmp"])
    assert found.python["shadows"] == []
