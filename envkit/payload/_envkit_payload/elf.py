"""ELF64 little-endian files: sections and the dynamic table, through mmap, touching only what is asked for.

Layout: System V ABI, "Object Files" and "Program Loading and Dynamic Linking".
"""

import mmap
import struct

_PT_LOAD, _PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 1, 5, 10, 14, 15, 29
_DT_VERDEF, _DT_VERDEFNUM, _DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF


class Elf:
    """An open shared library. Raises ValueError when the file is not one that we read."""

    def __init__(self, path):
        with open(path, "rb") as file:
            try:
                self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:
                raise ValueError("empty file") from None
        if self.data[:6] != b"\x7fELF\x02\x01":
            self.data.close()
            raise ValueError("not a 64-bit little-endian ELF file")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.data.close()

    def scattered(self):
        """Say that what follows reads a few bytes here and there: read-ahead would read the whole file."""
        if hasattr(mmap, "MADV_RANDOM"):
            self.data.madvise(mmap.MADV_RANDOM)

    def unpack(self, form, offset):
        """struct.unpack_from on the file; ValueError beyond its end."""
        try:
            return struct.unpack_from(form, self.data, offset)
        except struct.error as error:
            raise ValueError("cut short: {}".format(error)) from None

    def sections(self):
        """{name: (offset, size)}; the first of each name."""
        (table,) = self.unpack("<Q", 40)
        size, count, names_index = self.unpack("<HHH", 58)
        if not table or names_index >= count:
            return {}
        headers = [self.unpack("<IIQQQQ", table + number * size) for number in range(count)]
        names = headers[names_index][4]
        found = {}
        for name, kind, _, _, offset, length in headers:
            if kind != 8:  # SHT_NOBITS occupies no space in the file
                found.setdefault(self.text(names + name), (offset, length))
        return found

    def text(self, offset):
        """The NUL-terminated string at an offset."""
        end = self.data.find(b"\0", offset, offset + 65536)
        if offset >= len(self.data) or end < 0:
            raise ValueError("string beyond the end")
        return self.data[offset:end].decode("utf-8", "replace")

    def _segments(self):
        (table,) = self.unpack("<Q", 32)
        size, count = self.unpack("<HH", 54)
        return [self.unpack("<IIQQQQ", table + number * size) for number in range(count)]

    def dynamic(self):
        """(tag, value) pairs of the dynamic table; values of string tags are strings."""
        segments = self._segments()
        pairs = []
        for kind, _, offset, _, _, length in segments:
            if kind == _PT_DYNAMIC:
                pairs = [self.unpack("<QQ", offset + step) for step in range(0, length - 15, 16)]
        values = dict(reversed(pairs))
        strings = _file_offset(segments, values.get(DT_STRTAB, 0))
        named = (DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH)
        return [(tag, self.text(strings + value) if tag in named else value) for tag, value in pairs if tag]

    def versions_defined(self):
        """Names of the symbol versions that the file defines: `GLIBCXX_3.4.30` (Elf64_Verdef)."""
        values, strings = self._version_tables()
        found, at = [], values.get(_DT_VERDEF)
        for _ in range(values.get(_DT_VERDEFNUM, 0)):
            names, following = self.unpack("<II", at + 12)
            found.append(self.text(strings + self.unpack("<I", at + names)[0]))
            at += following
        return found

    def versions_needed(self):
        """{file: names of the symbol versions that are needed of it} (Elf64_Verneed)."""
        values, strings = self._version_tables()
        found, at = {}, values.get(_DT_VERNEED)
        for _ in range(values.get(_DT_VERNEEDNUM, 0)):
            count, file, names, following = self.unpack("<HIII", at + 2)
            names += at
            wanted = found.setdefault(self.text(strings + file), [])
            for _ in range(count):
                name, further = self.unpack("<II", names + 8)
                wanted.append(self.text(strings + name))
                names += further
            at += following
        return found

    def _version_tables(self):
        """Values of the dynamic table with file offsets for addresses, and where the strings are."""
        segments = self._segments()
        values = dict(reversed(self.dynamic()))
        for tag in (_DT_VERDEF, _DT_VERNEED, DT_STRTAB):
            if tag in values:
                values[tag] = _file_offset(segments, values[tag])
        return values, values.get(DT_STRTAB, 0)


def _file_offset(segments, address):
    for kind, _, offset, virtual, _, length in segments:
        if kind == _PT_LOAD and virtual <= address < virtual + length:
            return address - virtual + offset
    return address


def search_path(path):
    """("rpath" | "runpath" | None, entries as written) of a library. Raises OSError, ValueError."""
    with Elf(path) as elf:
        values = dict(reversed(elf.dynamic()))
    # A DT_RUNPATH makes the loader ignore the DT_RPATH beside it.
    for tag, kind in ((DT_RUNPATH, "runpath"), (DT_RPATH, "rpath")):
        if tag in values:
            return kind, [entry for entry in values[tag].split(":") if entry]
    return None, []
