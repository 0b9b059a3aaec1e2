"""pip's and uv's configuration: read as pip reads it, and taken over where no option says otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from envkit.build.pip_config import PipConfig, read
from tests.build.parts import PYTHON, torch_wheel


def conf(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def found(tmp_path, **env):
    base = {"XDG_CONFIG_DIRS": str(tmp_path / "xdg")}
    return read(base | env, home=tmp_path / "home", prefix=tmp_path / "venv", etc=tmp_path / "etc")


def test_nothing_set_is_nothing_found(tmp_path):
    config = found(tmp_path, PIP_CONFIG_FILE=os.devnull)
    assert config == PipConfig()


def test_the_files_count_in_pips_order(tmp_path):
    conf(tmp_path / "xdg/pip/pip.conf", "[global]\nindex-url = https://global/simple\ncert = /global.pem\n")
    conf(tmp_path / "home/.pip/pip.conf", "[global]\nindex-url = https://legacy/simple\n")
    user = conf(tmp_path / "home/.config/pip/pip.conf", "[global]\nindex-url = https://user/simple\n")
    config = found(tmp_path)
    assert (config.index_url, config.cert) == ("https://user/simple", "/global.pem")
    assert config.origin("index-url") == str(user)
    conf(tmp_path / "venv/pip.conf", "[global]\nindex-url = https://site/simple\n")
    assert found(tmp_path).index_url == "https://site/simple"
    named = conf(tmp_path / "named.conf", "[global]\nindex_url: https://named/simple\n")
    assert found(tmp_path, PIP_CONFIG_FILE=str(named)).index_url == "https://named/simple"
    env = {"PIP_CONFIG_FILE": str(named), "PIP_INDEX_URL": "https://env/simple"}
    assert found(tmp_path, **env).index_url == "https://env/simple"
    assert found(tmp_path, **env).origin("index-url") == "PIP_INDEX_URL"
    # The environment is made with uv, and what uv was told itself counts most.
    assert found(tmp_path, **env, UV_DEFAULT_INDEX="https://uv/simple").index_url == "https://uv/simple"


def test_the_section_of_install_goes_before_global(tmp_path):
    conf(tmp_path / "venv/pip.conf", "[install]\nindex-url = https://b/\n[global]\nindex-url = https://a/\n")
    assert found(tmp_path).index_url == "https://b/"


def test_several_addresses_are_parted_as_pip_and_uv_part_them(tmp_path):
    conf(
        tmp_path / "venv/pip.conf",
        "[global]\nextra-index-url =\n    https://one/simple\n    https://two/simple\nfind-links = /a /b\n",
    )
    config = found(tmp_path)
    assert config.extra == ("https://one/simple", "https://two/simple") and config.find_links == ("/a", "/b")
    config = found(tmp_path, UV_INDEX="corp=https://corp/simple https://x/", UV_FIND_LINKS="/a,/b")
    assert config.extra == ("https://corp/simple", "https://x/") and config.find_links == ("/a", "/b")


@pytest.mark.parametrize("text", ["", "[global\nindex-url = x", "no section at all\n", "\x00\xff[[["])
def test_a_file_that_cannot_be_read_is_passed_over(tmp_path, text):
    conf(tmp_path / "venv/pip.conf", text)
    assert found(tmp_path) == PipConfig()


@pytest.mark.parametrize("key", ["index-url", "extra-index-url", "find-links", "cert"])
def test_pip_itself_reads_the_same(tmp_path, key):
    """pip's own answer, where a pip is at hand, is what we read."""
    value = "https://host/simple" if "url" in key else "/somewhere"
    home = tmp_path / "home"
    conf(home / ".config/pip/pip.conf", f"[global]\n{key} = https://other/\n[install]\n{key} = {value}\n")
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") or sys.executable
    said = subprocess.run(
        [python, "-m", "pip", "config", "get", f"install.{key}"], env=env, capture_output=True, text=True
    )
    if said.returncode == 0:
        assert said.stdout.strip() == value
    config = read(env | {"XDG_CONFIG_DIRS": str(tmp_path / "none")}, home=home, prefix=tmp_path / "venv")
    read_value = {
        "index-url": (config.index_url,),
        "extra-index-url": config.extra,
        "find-links": config.find_links,
        "cert": (config.cert,),
    }[key]
    assert read_value == (value,)


def test_what_pip_is_told_is_taken_and_said(build, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    name, data = torch_wheel("2.13.0+cpu")
    (wheels / name).write_bytes(data)
    ca = conf(tmp_path / "ca.pem", "-----BEGIN CERTIFICATE-----\n")
    own = conf(
        tmp_path / "pip.conf",
        "[global]\nindex-url = https://user:hidden@corp.example/simple\n"
        f"extra-index-url = file:///srv/index\nfind-links = {wheels}\ncert = {ca}\n",
    )
    ask = ("--framework", "torch==2.13.0", "--cpu", "--python", PYTHON, "--dry-run")
    done = build(*ask, "--as", "docker", env={"PIP_CONFIG_FILE": str(own)})
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    assert "hidden" not in shown
    assert "index https://corp.example/simple: taken from pip's configuration" in shown
    assert f"({own})" in shown
    # A container sees no directory of the host: its index is left out, its wheel travels, its CA is a secret.
    assert "index file:///srv/index was left out" in shown
    assert "--extra-index-url file:" not in shown
    assert "source=wheels,target=/build/wheels" in shown
    assert "--mount=type=secret,id=ca" in shown and "--index-url https://corp.example/simple" in shown
    done = build(*ask, "--as", "uv,pip", env={"PIP_CONFIG_FILE": str(own)})
    assert 'url = "file:///srv/index"' in done.stdout and "unsafe-best-match" in done.stdout
    done = build(*ask, "--as", "uv,pip", "--no-pip-config", env={"PIP_CONFIG_FILE": str(own)})
    assert "corp.example" not in done.stdout and "taken from" not in done.stdout
    done = build(*ask, "--as", "pip", "--index-url", "https://x.example/", env={"PIP_CONFIG_FILE": str(own)})
    assert "corp.example" not in done.stdout and "file:///srv/index" in done.stdout


def test_a_cert_that_is_none_is_left_out_and_said(build, tmp_path):
    bad = conf(tmp_path / "ca.pem", "not a certificate")
    done = build("--cpu", "--dry-run", "--as", "pip", env={"PIP_CERT": str(bad)})
    assert done.returncode == 0 and "pip's cert (PIP_CERT) was left out" in " ".join(done.stdout.split())


def test_a_lock_through_pips_index(build, index, tmp_path):
    out = tmp_path / "out"
    ask = ("--framework", "torch==2.13.0", "--cpu", "--python", PYTHON, "--as", "pip", "--no-build")
    env = {"PIP_INDEX_URL": index.simple, "PIP_EXTRA_INDEX_URL": f"{index.url}/whl/cpu"}
    done = build(*ask, "--framework-index", f"{index.url}/whl", "--output", out, env=env)
    assert done.returncode == 0 and "--hash" in (out / "requirements.txt").read_text()
