"""Architectures that a CUDA library carries, from its own device code.

A `.nv_fatbin` section is a sequence of containers, each aligned to 8 bytes:
header {u32 magic 0xBA55ED50, u16 version, u16 header size, u64 size of what follows}, then entries {u16 kind
(1 PTX, 2 machine code), u16 version, u32 header size, u64 size of what follows, ..., u32 architecture at
offset 28, ..., u64 flags at offset 40}. Bit 20 of the flags marks an architecture-specific entry (`sm_90a`),
bit 21 a family-specific one (`sm_100f`). The layout is not documented; it was read off the output of nvcc 13
and agrees with `cuobjdump --list-elf --list-ptx` (tests/payload/data). Only headers are touched.
"""

import time

MAGIC = 0xBA55ED50
SECTIONS = (".nv_fatbin", "__nv_relfatbin")
_PTX, _CODE = 1, 2
_SPECIFIC, _FAMILY = 1 << 20, 1 << 21
_FIRST, _EVERY = 32, 5
"""Containers that are looked into: the first ones, then every so many. Each entry of each container lies on a
page of its own; from a cold disk, all of torch 2.15.0 takes 0.3 s and this sample a third of it."""


class OutOfTimeError(Exception):
    """The walk was given up: what was seen so far is not the whole."""


def counts(elf, budget):
    """{architecture: number of sampled containers that carry it}.

    Raises OutOfTimeError after `budget` seconds.
    """
    deadline = time.monotonic() + budget
    found = {}
    elf.scattered()
    sections = elf.sections()
    for name in SECTIONS:
        if name in sections:
            offset, size = sections[name]
            for archs in containers(elf, offset, offset + size, deadline, _sampled):
                for arch in archs:
                    found[arch] = found.get(arch, 0) + 1
    return found


def _sampled(number):
    return number < _FIRST or number % _EVERY == 0


def containers(elf, offset, end, deadline, wanted=lambda number: True):
    """The set of architectures of each wanted container between two offsets."""
    number = 0
    while offset + 16 <= end:
        if time.monotonic() > deadline:
            raise OutOfTimeError
        magic, _, header, size = elf.unpack("<IHHQ", offset)
        if magic != MAGIC:
            offset += 8  # padding
            continue
        if wanted(number):
            yield set(_entries(elf, offset + header, min(offset + header + size, end)))
        number += 1
        offset += (header + size + 7) & ~7


def _entries(elf, offset, end):
    while offset + 48 <= end:
        kind, _, header, size = elf.unpack("<HHIQ", offset)
        (arch,) = elf.unpack("<I", offset + 28)
        (flags,) = elf.unpack("<Q", offset + 40)
        if kind in (_PTX, _CODE):
            suffix = "a" if flags & _SPECIFIC else "f" if flags & _FAMILY else ""
            yield "{}_{}{}".format("compute" if kind == _PTX else "sm", arch, suffix)
        if header + size <= 0:
            return
        offset += header + size


def common(found):
    """The architectures that the library as a whole is built for, in order.

    A few kernels are compiled for more (torch 2.15.0 has `sm_89` in 1 of 476 containers, `sm_90a` in 4),
    which does not make the library run there. An architecture counts when at least half as many containers
    carry it as carry the commonest one.
    """
    most = max(found.values(), default=0)
    return sorted((arch for arch, number in found.items() if 2 * number >= most), key=order)


def order(arch):
    """Sort key: machine code before PTX, then by number."""
    kind, _, rest = arch.partition("_")
    digits = "".join(letter for letter in rest if letter.isdigit())
    return (kind == "compute", int(digits or 0), rest)
