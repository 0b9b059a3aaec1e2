"""What making a batch consisted of, by looks at the thread that made it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from envkit.diagnose.speed.analyzers import source
from envkit.diagnose.speed.trace import Frame, Sample
from envkit.diagnose.speed.view import Line, View

_FETCH = "torch/utils/data/_utils/fetch.py"
_COLLATE = "torch/utils/data/_utils/collate.py"
_COPIES = ("collate_tensor_fn", "collate_numpy_array_fn", "pin_memory")
"""Of torch's collate: copies of memory, which have to be made."""
_OPENS = {
    "pathlib.py": (
        "open",
        "stat",
        "exists",
        "is_file",
        "is_dir",
        "iterdir",
        "glob",
        "rglob",
        "_scandir",
        "lstat",
    ),
    "_local.py": ("open", "stat", "exists", "is_file", "is_dir", "iterdir", "glob", "rglob"),
    "genericpath.py": ("exists", "isfile", "isdir", "getsize", "getmtime", "lexists"),
    "os.py": ("walk", "scandir", "listdir", "fwalk"),
    "glob.py": ("*",),
    "codecs.py": ("open",),
    "PIL/Image.py": ("open", "preinit"),
}
"""Functions that open or look at files, by the end of a file's name."""
_LOADS = {
    "pathlib.py": ("read_bytes", "read_text"),
    "_local.py": ("read_bytes", "read_text"),
    "numpy/lib/npyio.py": ("*",),
    "numpy/lib/_npyio_impl.py": ("*",),
    "numpy/lib/format.py": ("*",),
    "numpy/lib/_format_impl.py": ("*",),
    "torch/serialization.py": ("*",),
}
_DECODERS = (
    "/PIL/ImageFile.py", "/PIL/JpegImagePlugin.py", "/PIL/PngImagePlugin.py", "/tarfile.py", "/gzip.py",
    "/h5py/", "/zarr/", "/lmdb/", "/netCDF4/", "/rasterio/", "/tifffile/", "/soundfile", "/pydicom/",
    "/nibabel/", "/pyarrow/", "/webdataset/", "/imageio/", "/zipfile/", "/zipfile.py",
    "/librosa/", "/torchaudio/", "/torchvision/io/", "/audioread/", "/pandas/io/", "/cv2/",
)  # fmt: skip
"""Libraries that read and decode in one."""
_NETWORK = (
    "/socket.py", "/ssl.py", "/http/client.py", "/urllib/request.py", "/urllib3/", "/requests/", "/botocore/",
    "/s3fs/", "/fsspec/", "/gcsfs/", "/aiohttp/", "/httpx/", "/httpcore/", "/paramiko/", "/grpc/", "/redis/",
    "/pymongo/", "/smart_open/", "/adlfs/", "/minio/",
)  # fmt: skip
_OPENING = frozenset((
    *("open", "stat", "lstat", "listdir", "scandir", "exists", "isfile", "isdir", "is_file", "is_dir"),
    *("getsize", "walk", "glob", "iglob", "iterdir", "getmtime"),
))  # fmt: skip
_READING = frozenset((
    *("read", "readline", "readlines", "readinto", "pread", "preadv"),
))  # fmt: skip
_LOADING = frozenset(("read_bytes", "read_text", "fromfile", "memmap", "read_file"))
_DECODING = frozenset((
    *("imread", "read_image", "decode_file", "loadtxt", "genfromtxt", "read_csv", "read_parquet", "dcmread"),
    *("loadmat", "VideoCapture", "decode_image", "decode_jpeg"),
))  # fmt: skip
_LOADERS = frozenset(("np.load", "numpy.load", "torch.load"))
_THROUGH = ("codecs.py", "<frozen codecs>", "contextlib.py", "<frozen genericpath>", "<frozen posixpath>")
"""Frames that say nothing of what their caller does."""
_ASKING = frozenset(("recv", "recv_into", "urlopen", "urlretrieve", "get_object", "download", "recv_bytes"))

_MOST_OF_IT = 0.6
"""Part of what a call took, from which one line of what it called is meant."""

Stack = tuple[Frame, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kinds:
    """Shares of the looks at the making of batches."""

    share: Mapping[str, float] = field(default_factory=dict)
    """By kind: `open`; `load`: open and read; `read`; `decode`: read and unpack; `network`; `sleep`;
    `collate`: Python values are put together; `copy`: tensors are; `work`: the rest."""
    looks: int = 0
    lines: Mapping[str, Line] = field(default_factory=dict)
    """The person's dearest line of each kind; `""` = of all."""

    def of(self, *names: str) -> float:
        """Of several kinds together."""
        return sum(self.share.get(name, 0.0) for name in names)

    def line(self, *names: str) -> Line | None:
        """The dearest line of these kinds."""
        found = [self.lines[name] for name in names if name in self.lines]
        return max(found, key=lambda one: one.share, default=None)


def kinds(
    view: View,
    samples: Iterable[Sample],
    collate: str | None = None,
    loop: frozenset[tuple[str, str]] = frozenset(),
) -> Kinds:
    """Of looks. collate: the name of the person's own function that puts samples together. loop: functions,
    by file and name, that train: no line of theirs is meant where they call what is."""
    by_kind: dict[str, list[Sample]] = {}
    known: dict[int, str] = {}
    for one in samples:
        if one.stack not in known:
            known[one.stack] = kind(view.stack(one), view.files, collate)
        by_kind.setdefault(known[one.stack], []).append(one)
    whole = sum(one.seconds for looks in by_kind.values() for one in looks)
    if not whole:
        return Kinds()
    lines = {}
    stacks = [_inside(within(stack) or stack, loop) for stack in view.speed.stacks]
    every = [one for looks in by_kind.values() for one in looks]
    for name, looks in [*by_kind.items(), ("", every)]:
        found = _dearest(view, looks, stacks, whole)
        if found is not None:
            lines[name] = found
    return Kinds(
        share={name: sum(one.seconds for one in looks) / whole for name, looks in by_kind.items()},
        looks=len(every), lines=lines,
    )  # fmt: skip


def _inside(stack: Stack, loop: frozenset[tuple[str, str]]) -> Stack:
    """Frames below the training loop; all where the loop itself is meant."""
    for place, frame in enumerate(stack):
        if (frame.file, frame.function) in loop:
            below = stack[:place]
            return below if any(one.users for one in below) else stack[: place + 1]
    return stack


def _dearest(view: View, looks: Iterable[Sample], stacks: list[Stack], whole: float) -> Line | None:
    """The person's innermost line that most of what its caller took is spent in: a line of a helper where
    that is the one that costs, its call where the cost lies in many lines of it."""
    rows = [
        (
            one.seconds,
            [
                (frame.file, frame.line, frame.function)
                for frame in reversed(stacks[one.stack])
                if frame.users
            ],
        )
        for one in looks
    ]
    best: tuple[str, int, str] | None = None
    share, depth = 0.0, 0
    while True:
        sums: dict[tuple[str, int, str], float] = {}
        for seconds, places in rows:
            if len(places) > depth:
                sums[places[depth]] = sums.get(places[depth], 0.0) + seconds
        if not sums:
            break
        place, seconds = max(sums.items(), key=lambda pair: pair[1])
        if best is not None and seconds < _MOST_OF_IT * share:
            break
        best, share = place, seconds
        rows = [row for row in rows if len(row[1]) > depth and row[1][depth] == place]
        depth += 1
    return None if best is None else Line(*best, share / whole, view.text(best[0], best[1]))


def within(stack: Stack) -> Stack:
    """Frames below a fetcher of torch, which makes a batch; () where there is none."""
    for place, frame in enumerate(stack):
        if frame.file.endswith(_FETCH):
            return stack[:place]
    return ()


def kind(stack: Stack, files: Mapping[str, str], collate: str | None = None) -> str:
    """What a look found: see `Kinds.share`."""
    inner = within(stack) or stack
    if collate is not None and any(
        frame.users and frame.function == collate.rpartition(".")[2] for frame in inner
    ):
        return "collate"
    if inner and inner[0].file.endswith(_COLLATE) and not _fetches_samples(inner):
        return "copy" if inner[0].function in _COPIES else "collate"
    computes = False
    for frame in inner:
        found = _library(frame)
        if found:
            return found
        if frame.users:  # below it, other Python code runs: what the line reads it has read
            return "work" if computes else _text(files.get(frame.file, ""), frame.line)
        computes = computes or not frame.file.endswith(_THROUGH)
    return "copy" if any(frame.file.endswith(_COLLATE) for frame in inner) else "work"


def _fetches_samples(inner: Stack) -> bool:
    return any(frame.users for frame in inner)


def _library(frame: Frame) -> str:
    if frame.users:
        return ""
    path = "/" + frame.file.replace("\\", "/")
    for table, name in ((_OPENS, "open"), (_LOADS, "load")):
        for end, functions in table.items():
            if path.endswith("/" + end) and (functions == ("*",) or frame.function in functions):
                return name
    if any(part in path for part in _NETWORK):
        return "network"
    return "decode" if any(part in path for part in _DECODERS) else ""


def _text(text: str, line: int) -> str:
    """Of a line that calls no other Python."""
    names = source.calls(source.own(text, line))
    last = {name.rpartition(".")[2] for name in names}
    if "sleep" in last:
        return "sleep"
    if last & _ASKING or any(name.startswith(("requests.", "httpx.", "boto3.")) for name in names):
        return "network"
    if last & _DECODING:
        return "decode"
    if last & _OPENING:
        return "open"
    if last & _LOADING or _LOADERS.intersection(names):
        return "load"
    return "read" if last & _READING else "work"
