"""A package index of our own: wheels made by hand, served over HTTP or HTTPS, with hashes or without."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import shutil
import ssl
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from tests.coverage_notes import require


def wheel(
    name: str,
    version: str,
    *,
    requires: tuple[str, ...] = (),
    files: dict[str, str] | None = None,
    tag: str = "py3-none-any",
) -> tuple[str, bytes]:
    """File name and bytes of a wheel. files: beside its metadata; an empty module of its name if None."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    members = dict(files if files is not None else {f"{module}/__init__.py": ""})
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    members[f"{info}/METADATA"] = "\n".join([*lines, *(f"Requires-Dist: {each}" for each in requires)]) + "\n"
    members[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    record = []
    for path, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record.append(f"{path},sha256={digest},{len(text.encode())}")
    members[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in members.items():
            # A fixed time, so that the same wheel has the same hash.
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text)
    return f"{module}-{version}-{tag}.whl", packed.getvalue()


@dataclass
class Index:
    """What is served. Folders: `simple` is the default index, `whl/cpu` and so on the framework's own."""

    url: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Wheels by folder and file name."""
    hashes: bool = True
    login: tuple[str, str] | None = None
    swapped: dict[str, bytes] = field(default_factory=dict)
    """What is sent instead of the file that the page speaks of."""
    asked: list[str] = field(default_factory=list)
    """Paths that were asked for."""

    def add(self, made: tuple[str, bytes], folder: str = "simple") -> None:
        name, data = made
        self.files.setdefault(folder, {})[name] = data

    def remove(self, name: str, folder: str = "simple") -> None:
        del self.files[folder][name]

    @property
    def simple(self) -> str:
        return f"{self.url}/simple"

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """(status, type, body) of an address."""
        folder, _, rest = path.strip("/").rpartition("/")
        if folder.startswith("files/"):
            return self._file(folder.removeprefix("files/"), rest)
        names = [n for n in self.files.get(folder, {}) if _project(n) == rest]
        if not names:
            return 404, "text/plain", b"not here"
        return (
            200,
            "application/vnd.pypi.simple.v1+json",
            json.dumps(self._page(folder, rest, names)).encode(),
        )

    def _page(self, folder: str, project: str, names: list[str]) -> dict[str, object]:
        files = []
        for name in names:
            data = self.files[folder][name]
            digest = {"sha256": hashlib.sha256(data).hexdigest()} if self.hashes else {}
            files.append(
                {"filename": name, "url": f"/files/{folder}/{name}", "hashes": digest, "core-metadata": True}
            )
        return {"meta": {"api-version": "1.0"}, "name": project, "files": files}

    def _file(self, folder: str, name: str) -> tuple[int, str, bytes]:
        if name.endswith(".metadata"):
            data = self.files.get(folder, {}).get(name.removesuffix(".metadata"))
            if data is not None:
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    inner = next(each for each in archive.namelist() if each.endswith("/METADATA"))
                    return 200, "text/plain", archive.read(inner)
        data = self.swapped.get(name) or self.files.get(folder, {}).get(name)
        return (200, "application/octet-stream", data) if data is not None else (404, "text/plain", b"")


def _project(name: str) -> str:
    return name.partition("-")[0].replace("_", "-").lower()


class _Handler(BaseHTTPRequestHandler):
    index: Index
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.index.asked.append(self.path)
        status, kind, body = self._answer()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="packages"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def _answer(self) -> tuple[int, str, bytes]:
        if self.index.login is not None:
            token = base64.b64encode(":".join(self.index.login).encode()).decode()
            if self.headers.get("Authorization") != f"Basic {token}":
                return 401, "text/plain", b"who are you?"
        return self.index.answer(unquote(self.path.partition("?")[0]))

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(index: Index | None = None, *, certificate: Certificate | None = None) -> Iterator[Index]:
    """The index on a port of its own, over TLS with a certificate."""
    index = index or Index()
    handler = type("Handler", (_Handler,), {"index": index})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    index.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Certificate:
    """A server's certificate and the authority that signed it, which nobody knows."""

    authority: Path
    chain: Path
    key: Path


def certificate(folder: Path) -> Certificate:
    """For 127.0.0.1, made with openssl."""
    openssl = shutil.which("openssl")
    require("openssl", openssl is not None)
    folder.mkdir(parents=True, exist_ok=True)

    def run(*arguments: str | Path) -> None:
        subprocess.run([str(openssl), *map(str, arguments)], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    run("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Tests",
        "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    run("req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    (folder / "extensions").write_text(
        "subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n"
    )
    run("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", "-extfile", "extensions", "-out", "server.pem")  # fmt: skip
    return Certificate(authority=folder / "ca.pem", chain=folder / "server.pem", key=folder / "server.key")
