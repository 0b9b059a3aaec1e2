"""tools/update_compat.py on recorded pages, and its reader of remote wheels on a real server."""

import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from importlib import resources
from pathlib import Path

import pytest
import requests

from envkit.compat import read_compat, torch_exact

ROOT = Path(__file__).resolve().parents[2]
PAGES = Path(__file__).parent / "pages"
DATA = resources.files("envkit.compat") / "data"
sys.path.insert(0, str(ROOT / "tools"))

from remote_wheel import RangeError, RemoteWheel, parse_build_info  # noqa: E402

UNREAD = "the builds of cu130"


@pytest.fixture
def data(tmp_path):
    """A copy of the tables, to be changed."""
    folder = tmp_path / "data"
    folder.mkdir()
    for source in DATA.iterdir():
        if source.name.endswith(".toml"):
            shutil.copy(str(source), folder / source.name)
    return folder


@pytest.fixture
def pages(tmp_path):
    """A copy of the recorded pages, to be changed."""
    return Path(shutil.copytree(PAGES, tmp_path / "pages"))


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "tools/update_compat.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def edit(path, old, new, count=1):
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} no longer has {old!r}"
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def publish(pages, version, like, *, requires=None, project="torch"):
    """Puts a release on the recorded index: the files of another one under a new version."""
    path = pages / f"{project}.json"
    page = json.loads(path.read_text(encoding="utf-8"))
    files = [file for file in page["files"] if file["filename"].startswith(f"{project}-{like}-")]
    assert files
    text = json.dumps(files).replace(f"{project}-{like}-", f"{project}-{version}-")
    page["files"] += json.loads(text)
    page["versions"].append(version)
    path.write_text(json.dumps(page), encoding="utf-8")
    opened = json.loads((pages / "opened.json").read_text(encoding="utf-8"))
    for name, found in list(opened.items()):
        if name.startswith(f"{project}-{like}-"):
            changed = json.dumps(found)
            for old, new in (requires or {}).items():
                changed = changed.replace(old, new)
            opened[name.replace(f"-{like}-", f"-{version}-", 1)] = json.loads(changed)
    (pages / "opened.json").write_text(json.dumps(opened), encoding="utf-8")


def test_the_tables_agree_with_the_recorded_index():
    done = run("--pages", PAGES, "--deep")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "nothing differs"
    assert "torch: 0 differences" in done.stdout and "tensorflow: 0 differences" in done.stdout
    # What could not be read is said, and is no difference.
    assert UNREAD in done.stderr and "the builds of cu126" not in done.stderr


def test_check_is_quiet_when_the_newest_are_in_the_tables():
    done = run("--pages", PAGES, "--check")
    assert done.returncode == 0
    assert "torch: 2.15.0 is in the tables" in done.stdout
    # 2.22.0rc0 is on the page, and is no release.
    assert "tensorflow: 2.21.0 is in the tables" in done.stdout


@pytest.mark.parametrize(("project", "like"), [("torch", "2.15.0"), ("torchvision", "0.29.2")])
def test_check_finds_a_newer_release(pages, project, like):
    publish(pages, "9.0.0", like, project=project)
    done = run("--pages", pages, "--check")
    assert done.returncode == 1
    assert f"{project}: 9.0.0 is on the index, the tables end at {like}" in done.stdout


def test_a_difference_is_one_line_and_can_be_written(data):
    edit(data / "torch.toml", "triton = '3.9.0'", "triton = '3.8.9'")
    edit(data / "torch.toml", "cudnn = '9.26.0.51', ", "")
    edit(data / "torch.toml", "pythons = ['3.11', '3.12', '3.13', '3.14', '3.15']", "pythons = ['3.11']")
    edit(data / "tensorflow.toml", "keras = '>=3.12.0'", "keras = '>=3.10.0'")
    edit(data / "tensorflow.toml", "  'nvidia-nccl-cu12>=2.27.7,<3.0',\n", "")
    done = run("--pages", PAGES, "--data", data)
    assert done.returncode == 1
    assert "~ torch 2.15.0: triton: 3.8.9 -> 3.9.0" in done.stdout
    assert "~ torch 2.15.0 (cu132, linux-x86_64): cudnn: nothing -> 9.26.0.51" in done.stdout
    assert "~ tensorflow 2.21.0: keras: >=3.10.0 -> >=3.12.0" in done.stdout
    assert "5 differences" in done.stdout
    done = run("--pages", PAGES, "--data", data, "--write")
    assert done.returncode == 0, done.stderr
    assert run("--pages", PAGES, "--data", data).returncode == 0
    for name in ("torch.toml", "tensorflow.toml"):
        now, real = (data / name).read_text(encoding="utf-8"), (DATA / name).read_text(encoding="utf-8")
        assert sorted(re.split(r"\n|(?<=,) ", now)) == sorted(re.split(r"\n|(?<=,) ", real)), name


def test_architectures_are_compared_with_deep_only(data):
    edit(
        data / "torch.toml",
        "archs = ['sm_75', 'sm_80', 'sm_86', 'sm_90', 'sm_100', 'sm_120']",
        "archs = ['sm_75']",
    )
    assert run("--pages", PAGES, "--data", data).returncode == 0
    done = run("--pages", PAGES, "--data", data, "--deep", "--write")
    assert "archs: [sm_75] -> [sm_75, sm_80, sm_86, sm_90, sm_100, sm_120]" in done.stdout
    assert read_compat(data).torch[0].variants[0].archs == read_compat(DATA).torch[0].variants[0].archs


def test_a_new_minor_gets_a_row_with_its_companions(data, pages):
    publish(
        pages, "2.16.0", "2.15.0", requires={"13.2.2": "13.4.1", "9.26.0.51": "9.30.0.1", "3.9.0": "3.10.0"}
    )
    done = run("--pages", pages, "--data", data, "--deep", "--write", "--date", "2026-12-23")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "written: + torch 2.16.0: not in the table; default cu134" in done.stdout
    assert "written: torchvision 0.29.2 beside torch 2.16.0" in done.stdout
    assert "by hand: torchcodec beside torch 2.16.0" in done.stdout
    compat = read_compat(data)
    row = compat.torch[0]
    assert (row.version, row.default, row.triton, row.torchvision) == ("2.16.0", "cu134", "3.10.0", "0.29.2")
    build = row.variants[0]
    assert (build.tag, build.cudnn, build.archs[-1]) == ("cu134", "9.30.0.1", "sm_120")
    assert row.provenance.how == "measured" and row.provenance.date == "2026-12-23"
    assert compat.catalog.companions
    # The comment above the row that was first stays with it.
    text = (data / "torch.toml").read_text(encoding="utf-8")
    assert "Maxwell, Pascal or Volta.\n[[torch]]\nversion = '2.15.0'" in text


def test_without_deep_a_new_row_has_no_architectures(data, pages):
    publish(pages, "2.16.0", "2.15.0")
    assert run("--pages", pages, "--data", data, "--write").returncode == 0
    builds = read_compat(data).torch[0].variants
    assert all(build.archs is None for build in builds if build.tag != "cpu")


def test_a_cuda_that_no_table_knows_is_refused_before_anybody_uses_it(data, pages):
    publish(pages, "2.16.0", "2.15.0", requires={"13.2.2": "14.0.1"})
    done = run("--pages", pages, "--data", data, "--write")
    assert done.returncode != 0
    assert "cu140" in done.stderr and "cuda.toml" in done.stderr


def test_a_new_patch_keeps_the_earlier_one(data, pages):
    publish(pages, "2.13.1", "2.13.0", requires={"3.7.1": "3.7.9", "9.20.0.48": "9.21.0.1"})
    publish(pages, "0.28.1", "0.28.0", project="torchvision", requires={"2.13.0": "2.13.1"})
    done = run("--pages", pages, "--data", data, "--write")
    assert done.returncode == 0, done.stdout + done.stderr
    compat = read_compat(data)
    row, older = torch_exact(compat, "2.13.1"), torch_exact(compat, "2.13.0")
    assert (row.triton, row.torchvision) == ("3.7.9", "0.28.1")
    assert (older.triton, older.torchvision) == ("3.7.1", "0.28.0")
    assert next(v for v in row.variants if v.on_default_index).cudnn == "9.21.0.1"
    assert [v.archs for v in row.variants] == [
        v.archs for v in torch_exact(read_compat(DATA), "2.13.0").variants
    ]
    assert compat.catalog.companions


def test_builds_of_the_other_index_are_compared_by_name(data, pages):
    edit(pages / "cu126-torch.html", "torch-2.14.1+cu126", "torch-2.15.0+cu126", count=-1)
    edit(pages / "cu126-torch.html", "torch-2.14.1%2Bcu126", "torch-2.15.0%2Bcu126", count=-1)
    done = run("--pages", pages, "--data", data, "--only", "torch")
    assert done.returncode == 1
    assert "~ torch 2.15.0 (cu126, linux-x86_64): build: not in the table -> on the index" in done.stdout
    assert "~ torch 2.14.1 (cu126, windows): build: in the table -> not on the index" in done.stdout


def test_an_index_out_of_reach_has_its_own_exit_code(tmp_path):
    (tmp_path / "opened.json").write_text("{}", encoding="utf-8")
    done = run("--pages", tmp_path, "--check")
    assert done.returncode == 6
    assert done.stderr.startswith("cannot be read: torch.json")
    assert "Traceback" not in done.stderr


class _Ranges(http.server.SimpleHTTPRequestHandler):
    """A file server that answers range requests, or not."""

    ranges = True

    def do_GET(self):
        body = Path(self.translate_path(self.path)).read_bytes()
        span = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if span is None or not self.ranges:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        first = int(span[1]) if span[1] else max(0, len(body) - int(span[2]))
        last = min(int(span[2]), len(body) - 1) if span[1] and span[2] else len(body) - 1
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        self.wfile.write(body[first : last + 1])

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(tmp_path):
    """Serves a wheel made of the given members; gives its URL."""
    servers = []

    def start(members, ranges=True):
        wheel = tmp_path / "torch-9.0.0-cp312-cp312-manylinux_2_28_x86_64.whl"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        handler = type("Handler", (_Ranges,), {"ranges": ranges})
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *a: handler(*a, directory=str(tmp_path))
        )
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/{wheel.name}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def noise(size):
    """Bytes that do not compress."""
    import random

    return random.Random(7).randbytes(size)


TORCH = {
    "torch-9.0.0.dist-info/METADATA": "Metadata-Version: 2.1\nRequires-Dist: triton==9.1; x\n\nText",
    "torch/version.py": "__version__ = '9.0.0+cu140'\ncuda: Optional[str] = '14.0'\n",
    "torch/lib/libtorch_python.so": b"\x7fELF" + noise(40_000) + b"\0ipc_hsm_75 sm_80 compute_120\0sm_99\0",
}


def test_members_of_a_wheel_are_read_without_loading_it(serve):
    url = serve({"torch/lib/libtorch_cuda.so": noise(3_000_000), **TORCH, "torch/last": noise(300_000)})
    with RemoteWheel(url, requests.Session()) as wheel:
        assert wheel.requires() == ("triton==9.1; x",)
        assert wheel.torch_version() == ("9.0.0+cu140", "14.0")
        assert wheel.archs() == ("sm_75", "sm_80", "compute_120")
        assert wheel.size > 3_340_000 and wheel.installed_bytes > 3_340_000
        assert wheel.loaded < 1_500_000


def test_a_small_wheel_comes_whole(serve):
    with RemoteWheel(serve(TORCH), requests.Session()) as wheel:
        assert wheel.archs() == ("sm_75", "sm_80", "compute_120")
        assert wheel.loaded == wheel.size


def test_a_wheel_without_device_code(serve):
    members = {**TORCH, "torch/version.py": "__version__ = '9.0.0'\ncuda: Optional[str] = None\n"}
    members["torch/lib/libtorch_python.so"] = b"\x7fELF"
    with RemoteWheel(serve(members), requests.Session()) as wheel:
        assert wheel.torch_version() == ("9.0.0", None)
        assert wheel.archs() == ()


def test_a_server_without_ranges_is_an_error_not_a_download(serve):
    with pytest.raises(RangeError, match="answers 200"):
        RemoteWheel(serve(TORCH, ranges=False), requests.Session())


def test_build_info_of_tensorflow():
    text = (
        "import collections\nbuild_info = collections.OrderedDict([('cuda_compute_capabilities', "
        "['sm_60', 'compute_90']), ('cuda_version', '12.5.1'), ('is_cuda_build', True)])\n"
    )
    assert parse_build_info(text)["cuda_compute_capabilities"] == ["sm_60", "compute_90"]
    with pytest.raises(ValueError, match="no table"):
        parse_build_info("x = 1")
