"""What else a text says: GPU, versions, platform; and what follows from comparing them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from envkit.causes.signatures import hints
from envkit.compat.arch import arch_relation, parse_cc
from envkit.compat.cuda import driver_meets, parse_cuda
from envkit.compat.model import Compat
from envkit.compat.names import find_gpu
from envkit.compat.query import driver_floor, torch_release
from envkit.match.lines import Line

_CC = re.compile(r"(?:cuda|compute) capability:? (?:of )?(?:sm_)?(\d{1,2}\.\d|\d{2,3})\b")
_INCOMPATIBLE = re.compile(r"with cuda capability sm_(\d{2,3})\b")
_ARCHS = re.compile(r"\b(?:sm|compute)_\d{2,3}[af]?\b")
_RANGE = re.compile(r"\((\d{1,2}\.\d)\) - \((\d{1,2}\.\d)\)")
_GPU = re.compile(
    r"\b(?:(?:geforce |nvidia )*(?:rtx|gtx|gt|titan|quadro|tesla)[ -]?(?:pro |rtx )?[a-z]{0,2}\d{1,4}[a-z]?"
    r"(?: ?(?:ti|super|ada|laptop|max-q|mobile|blackwell)){0,3}"
    r"|(?:nvidia )?(?:[abhl]\d{2,3}s?|gb10|gh200|gb200|b200|v100|p100|k80|t4|m60|m40|k40)\b)"
)
_TORCH = re.compile(r"\b(\d\.\d{1,2}\.\d)(?:\.dev\d+)?\+cu(\d{2,3})\b")
_DRIVER = re.compile(
    r"driver(?: version)?[:= (]{1,3}v?(\d{3}\.\d{2,3}(?:\.\d{2})?)\b|kernel module (\d{3}\.\d{2,3}[.\d]*)"
)
_NEEDS_CUDA = re.compile(r"cuda ?>= ?(\d{2}\.\d)")
_MASK = re.compile(r"cuda_visible_devices['\"\]]{0,3} ?= ?['\"]{0,2}(-1|(?=$|\s|['\"])|none|\d+)")
_UNSEEN_MASK = ("-1", "", "none")


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What is known of the machine that the text is from."""

    ccs: tuple[str, ...] = ()
    archs: tuple[str, ...] = ()
    """Of the build that is installed."""
    cuda: str | None = None
    """Of the build that is installed, or that an image asks for."""
    driver: str | None = None
    platform: str = "linux"
    hints: frozenset[str] = field(default_factory=frozenset)


def read_hints(lines: Sequence[Line], compat: Compat) -> Machine:
    """The machine as the text describes it."""
    found = {hint.name for hint in hints() if any(line.has(hint.line) for line in lines)}
    text = "\n".join(line.folded for line in lines)[:400_000]
    platform = "windows" if "windows" in found else "linux"
    tags = _TORCH.findall(text)
    needs = _NEEDS_CUDA.search(text)
    driver = _DRIVER.search(text)
    for mask in _MASK.finditer(text):
        found.add("mask-hides" if mask[1] in _UNSEEN_MASK else "mask-set")
    return Machine(
        ccs=_ccs(text, compat),
        archs=_archs(text, tags, compat),
        cuda=needs[1] if needs else _dotted(tags),
        driver=(driver[1] or driver[2].rstrip(".")) if driver else None,
        platform=platform,
        hints=frozenset(found),
    )


def compared(machine: Machine, compat: Compat) -> frozenset[str]:
    """The hints that follow from comparing GPU with build and driver with CUDA."""
    found = set(machine.hints)
    # Of a build that is named and not in the tables nothing follows; unnamed, it is mostly the newest.
    archs = machine.archs or (() if machine.cuda else _newest_archs(compat))
    relations = {_relation(archs, cc) for cc in machine.ccs} if archs else set()
    if "too-old" in relations:
        found.add("gpu-older")
    elif relations & ({"too-new", "gap"} if machine.archs else {"too-new", "gap", "carried", "ptx"}):
        found.add("gpu-newer")
    if machine.driver and _below(machine, compat):
        found.add("driver-below")
    if machine.driver and not _meets(machine.driver, "450"):
        found.add("old-driver")
    return frozenset(found)


def _below(machine: Machine, compat: Compat) -> bool:
    floor = driver_floor(compat, machine.cuda, machine.platform) if machine.cuda else None
    return floor is not None and not _meets(machine.driver or "0", floor)


def _meets(driver: str, floor: str) -> bool:
    try:
        return driver_meets(driver, floor)
    except ValueError:
        return True


def _relation(archs: Iterable[str], cc: str) -> str:
    try:
        return arch_relation(archs, cc)
    except ValueError:
        return "unknown"


def _newest_archs(compat: Compat) -> tuple[str, ...]:
    """Of the build that pip installs today: what a person without further facts most likely has."""
    for release in compat.torch:
        for variant in release.variants:
            if variant.on_default_index and variant.platform == "linux-x86_64" and variant.archs:
                return variant.archs
    return ()


def _ccs(text: str, compat: Compat) -> tuple[str, ...]:
    """Compute capabilities that are named, else those of the GPUs that are."""
    named = [_cc(found) for found in (*_INCOMPATIBLE.findall(text), *_CC.findall(text))]
    if not any(named):
        for name in dict.fromkeys(_GPU.findall(text)):
            models = find_gpu(compat, name)
            named += [model.cc for model in models[:1]]
    return tuple(dict.fromkeys(cc for cc in named if cc is not None))[:1]


def _cc(text: str) -> str | None:
    """`6.1` of "6.1" or "61"."""
    dotted = text if "." in text else f"{text[:-1]}.{text[-1]}"
    try:
        parse_cc(dotted)
    except ValueError:
        return None
    return dotted


def _archs(text: str, tags: Sequence[tuple[str, str]], compat: Compat) -> tuple[str, ...]:
    """What the message lists, else what the named torch build carries."""
    for line in text.split("\n"):
        if "supports cuda capabilities" in line and (listed := _ARCHS.findall(line)):
            return tuple(listed)
        if found := _RANGE.search(line):
            return tuple("sm_" + cc.replace(".", "") for cc in found.groups())
    for version, tag in tags:
        release = torch_release(compat, version)
        for variant in release.variants if release is not None else ():
            if variant.tag == f"cu{tag}" and variant.archs:
                return variant.archs
    return ()


def _dotted(tags: Sequence[tuple[str, str]]) -> str | None:
    cuda = parse_cuda(f"cu{tags[0][1]}") if tags else None
    return None if cuda is None else f"{cuda[0]}.{cuda[1]}"
