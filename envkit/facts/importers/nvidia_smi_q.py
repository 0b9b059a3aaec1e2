"""`nvidia-smi -q` and `nvidia-smi -q -x`: the same report as indented text and as XML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

from envkit.core.errors import BadInputError
from envkit.facts.gpu_model import Gpu, Nvml
from envkit.facts.importers import probes
from envkit.facts.importers.nvidia_smi_gpu import gpu
from envkit.facts.importers.smi_errors import failure, with_lost
from envkit.facts.importers.text import lines
from envkit.facts.importers.tree import Tree
from envkit.facts.importers.values import cuda, integer, key, version
from envkit.facts.model import Snapshot

REPORT = "an nvidia-smi -q report"
_LOG = re.compile(r"^=+ ?NVSMI LOG ?=+|^[ \t]{0,40}Attached GPUs[ \t]+:", re.MULTILINE)
_GPU = re.compile(r"\s*GPU ([0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7])\b.*")
_PAIR = re.compile(r"(\s*)([A-Za-z][\w .,/()-]{0,80}?)\s*:(?: (.*)|\s*)")
_SECTION = re.compile(r"(\s*)([A-Za-z][\w .,/()-]{0,60})")
_XML = re.compile(r"<nvidia_smi_log\b[^>]{0,200}>")
_DOCTYPE = re.compile(r'<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v\d{1,3}\.dtd">')
_MOST_GPUS = 256
_DEEPEST = 12
"""Levels; nvidia-smi has seven."""
_MOST_ELEMENTS = 500_000


def is_text(text: str) -> bool:
    """Whether the text holds the indented report."""
    return ("NVSMI LOG" in text or "Attached GPUs" in text) and _LOG.search(text) is not None


def is_xml(text: str) -> bool:
    """Whether the text holds the XML report."""
    return "<nvidia_smi_log" in text and _XML.search(text) is not None


def read(text: str) -> Snapshot:
    """What the indented report tells."""
    return _snapshot(_of_text(text), text)


def read_xml(text: str, name: str) -> Snapshot:
    """What the XML report tells. Raises BadInputError where it is not XML, or more than nvidia-smi writes."""
    return _snapshot(_of_xml(text, name), text)


def _snapshot(log: Tree, text: str) -> Snapshot:
    trees = list(log.every("gpu"))[:_MOST_GPUS]
    gpus = tuple(gpu(tree, index) for index, tree in enumerate(trees))
    failed = failure(text)
    nvml = Nvml(
        state="ok",
        driver_version=version(log.text("kmd_version", "driver_version")),
        cuda_version=cuda(log.text("cuda_umd_version", "cuda_version")),
        device_count=integer(log.text("attached_gpus")),
        gpus=_numbered(gpus, trees) or None,
    )
    if failed is not None:
        nvml = with_lost(nvml, failed)
    elif not gpus:
        none = nvml.device_count == 0
        nvml = replace(nvml, state="no-devices" if none else "ok", gpus=() if none else None)
    elif all(one.state == "lost" for one in gpus):
        nvml = replace(nvml, state="gpu-lost")
    if nvml.state == "ok" and not nvml.gpus:
        return probes.partial(REPORT, Snapshot(driver=probes.driver_alone(nvml)))
    return probes.partial(REPORT, Snapshot(nvml=nvml), whole=("nvml",) if gpus else ())


def _numbered(gpus: tuple[Gpu, ...], trees: list[Tree]) -> tuple[Gpu, ...]:
    """NVML counts in the order of the bus; a report on some GPUs (`-i 3`) tells their minor numbers only."""
    minors = [integer(tree.text("minor_number")) for tree in trees]
    if len(gpus) == 1 and minors[0] is not None:
        return (replace(gpus[0], index=minors[0]),)
    return gpus


def _of_text(text: str) -> Tree:
    """The report by its indentation. A key with a value opens nothing: what is deeper belongs beside it."""
    root = Tree()
    stack = [(-1, root)]
    top: Tree | None = None
    for line in lines(text):
        line = line.expandtabs(8)
        if (found := _GPU.fullmatch(line)) is not None:
            top = Tree([("pci_address", found[1])])
            root.items.append(("gpu", top))
            stack = [(-1, root), (0, top)]
        elif (pair := _PAIR.fullmatch(line)) is not None:
            _enter(stack, len(pair[1]), top).items.append((key(pair[2]), (pair[3] or "").strip()))
        elif (section := _SECTION.fullmatch(line)) is not None and section[1]:
            parent = _enter(stack, len(section[1]), top)
            opened = Tree()
            if len(stack) < _DEEPEST:
                parent.items.append((key(section[2]), opened))
                stack.append((len(section[1]), opened))
    return root


def _enter(stack: list[tuple[int, Tree]], indent: int, top: Tree | None) -> Tree:
    """The innermost open section that a line of this indentation belongs to."""
    # A paste that lost its indentation still has its lines below their GPU.
    indent = max(indent, 1) if top is not None else indent
    while stack[-1][0] >= indent:
        stack.pop()
    return stack[-1][1]


class _Builder:
    """Builds the tree while the parser reads, so that a cut file gives what came before the cut."""

    def __init__(self) -> None:
        self.root = Tree()
        self.stack = [self.root]
        self.words: list[str] = []
        self.count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if len(self.stack) > _DEEPEST or self.count > _MOST_ELEMENTS:
            raise _TooMuch
        opened = Tree()
        if tag == "gpu" and "id" in attributes:
            opened.items.append(("pci_address", attributes["id"]))
        self.stack[-1].items.append((key(tag), opened))
        self.stack.append(opened)
        self.words = []

    def end(self, tag: str) -> None:
        closed = self.stack.pop()
        if not closed.items:
            self.stack[-1].items[-1] = (key(tag), "".join(self.words).strip())
        self.words = []

    def data(self, data: str) -> None:
        self.words.append(data)

    def close(self) -> Tree:
        return self.root


class _TooMuch(Exception):
    """More elements, or deeper ones, than any report has."""


def _of_xml(text: str, name: str) -> Tree:
    """The report's elements. Document types are refused but for the line that nvidia-smi prints, which is
    not handed to the parser: nothing is fetched, and there is no entity to expand."""
    todo = "give the file that `nvidia-smi -q -x` wrote, unchanged"
    if "<!DOCTYPE" in _DOCTYPE.sub("", text) or "<!ENTITY" in text:
        raise BadInputError(f"{name} declares a document type of its own, which is refused", todo=todo)
    start = _XML.search(text)
    assert start is not None
    end = text.find("</nvidia_smi_log>", start.start())
    builder = _Builder()
    parser = ElementTree.XMLParser(target=builder)
    try:
        parser.feed(text[start.start() : end + len("</nvidia_smi_log>") if end >= 0 else len(text)])
    except ElementTree.ParseError as error:
        raise BadInputError(f"{name} holds XML that cannot be read: {error}", todo=todo) from error
    except _TooMuch:
        raise BadInputError(f"{name} holds more XML than nvidia-smi writes", todo=todo) from None
    return builder.root.under("nvidia_smi_log") or Tree()
