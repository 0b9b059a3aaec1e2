"""Reads single members of a wheel on an index by HTTP range requests, instead of loading 500 MB."""

from __future__ import annotations

import ast
import io
import re
import zipfile
from email.parser import HeaderParser
from types import TracebackType

import requests

_TAIL = 1 << 18
"""Bytes read at the end in one go: in most wheels the whole directory of the archive."""
_CHUNK = 1 << 22
_ARCHS = re.compile(rb"(?:(?:sm|compute)_\d{2,3}[af]? ?){2,}")
_ARCH = re.compile(r"(?:sm|compute)_\d{2,3}[af]?")
_LIBRARY = "torch/lib/libtorch_python.so"


class RangeError(OSError):
    """The server does not answer range requests."""


class RemoteFile(io.RawIOBase):
    """A file behind a URL that can be read at any place."""

    def __init__(self, url: str, session: requests.Session) -> None:
        super().__init__()
        self._url, self._session = url, session
        self._at = 0
        self.loaded = 0
        """Bytes that came over the network."""
        answer = self._ask(f"bytes=-{_TAIL}")
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
        if found is None:
            raise RangeError(f"{url}: no Content-Range in the answer")
        self._tail_at, self.size = int(found[1]), int(found[2])
        self._tail = answer.content

    def _ask(self, span: str) -> requests.Response:
        # identity: a compressed answer would count other bytes than the file has.
        headers = {"Range": span, "Accept-Encoding": "identity"}
        answer = self._session.get(self._url, headers=headers, timeout=60)
        answer.raise_for_status()
        if answer.status_code != 206:
            raise RangeError(f"{self._url}: answers {answer.status_code} to a range request")
        self.loaded += len(answer.content)
        return answer

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        return self._at

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def,override]  # noqa: ANN001
        end = min(self._at + len(buffer), self.size)
        if end <= self._at:
            return 0
        if self._at >= self._tail_at:
            part = self._tail[self._at - self._tail_at : end - self._tail_at]
        else:
            part = self._ask(f"bytes={self._at}-{end - 1}").content
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


class RemoteWheel:
    """A wheel behind a URL: its metadata, its unpacked size, and what is compiled into it."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._file = RemoteFile(url, session)
        self._zip = zipfile.ZipFile(io.BufferedReader(self._file, _CHUNK))

    def __enter__(self) -> RemoteWheel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    @property
    def loaded(self) -> int:
        """Bytes that came over the network so far."""
        return self._file.loaded

    @property
    def size(self) -> int:
        """Bytes of the wheel."""
        return self._file.size

    @property
    def installed_bytes(self) -> int:
        """Bytes of its members, unpacked."""
        return sum(member.file_size for member in self._zip.infolist())

    def requires(self) -> tuple[str, ...]:
        """The Requires-Dist lines of its METADATA."""
        name = next(n for n in self._zip.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        fields = HeaderParser().parsestr(self._zip.read(name).decode("utf-8"))
        return tuple(fields.get_all("Requires-Dist") or ())

    def archs(self) -> tuple[str, ...]:
        """Architectures of torch or TensorFlow device code in it; () without any."""
        if any(name.startswith("tensorflow/") for name in self._zip.namelist()):
            found = self.tensorflow_build().get("cuda_compute_capabilities", ())
            return tuple(str(arch) for arch in found) if isinstance(found, (list, tuple)) else ()
        return self.torch_archs()

    def torch_version(self) -> tuple[str, str | None]:
        """`__version__` and `cuda` of torch/version.py: ("2.15.0+cu132", "13.2"), None in a CPU build."""
        text = self._zip.read("torch/version.py").decode("utf-8")
        version = re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE)
        cuda = re.search(r"^cuda(?:: [\w\[\]. ]+)? = '([^']+)'", text, re.MULTILINE)
        if version is None:
            raise ValueError("torch/version.py names no version")
        return version[1], cuda[1] if cuda else None

    def torch_archs(self) -> tuple[str, ...]:
        """What torch.cuda.get_arch_list() would print: a string in libtorch_python.so; () in a CPU build."""
        names = self._zip.namelist()
        if _LIBRARY not in names:
            return ()
        # The linker may put the end of another string before it: only whole words count.
        lists = [_ARCH.findall(found.decode()) for found in _ARCHS.findall(self._zip.read(_LIBRARY))]
        return tuple(max(lists, key=len, default=()))

    def tensorflow_build(self) -> dict[str, object]:
        """`build_info` of TensorFlow: cuda_version, cuda_compute_capabilities, ...; {} without."""
        name = "tensorflow/python/platform/build_info.py"
        if name not in self._zip.namelist():
            return {}
        return parse_build_info(self._zip.read(name).decode("utf-8"))


def parse_build_info(text: str) -> dict[str, object]:
    """The table in TensorFlow's build_info.py: `build_info = OrderedDict([(key, value), ...])`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args:
            pairs = ast.literal_eval(node.args[0])
            return {str(key): value for key, value in pairs}
    raise ValueError("build_info.py holds no table")
