"""The dynamic loader's own list of what is loaded: under which name, and asked for by whom.

glibc publishes `struct link_map` for debuggers: the executable's DT_DEBUG entry leads to `struct r_debug`,
and that to a list in load order (link.h). Its public part holds the name under which a file was opened. Two
fields behind it say the rest: `l_libname`, the name that was asked for, and `l_loader`, who asked for it.
Both are believed only where they hold what they must; else, as with another C library, the list is empty.
Memory is read through /proc/self/mem, where a wrong address is an error and not a crash.
"""

import os
import struct

_AT_PHDR, _AT_PHENT, _AT_PHNUM, _AT_BASE = 3, 4, 5, 7
_PT_DYNAMIC, _PT_PHDR = 2, 6
_DT_DEBUG = 21
_PUBLIC = 0x40
"""l_addr, l_name, l_ld, l_next, l_prev, then l_real, l_ns, l_libname: so since glibc 2.4."""
_SIZE = 0x600
"""l_loader lies before that; where exactly differs between releases."""
_MOST = 10000


class Loaded:
    """One object of the list.

    name: the path under which the loader opened it; an empty string for the executable.
    asked: the name that was asked for, `libcudart.so.12` or a path.
    loader: the Loaded whose DT_NEEDED (for the executable, or LD_PRELOAD) asked for it; None for the
        executable and for what dlopen loaded: glibc keeps no word of its caller.
    dynamic: address of its dynamic section, by which /proc/self/maps tells its file.
    """

    def __init__(self, name, asked, dynamic):
        self.name = name
        self.asked = asked
        self.dynamic = dynamic
        self.loader = None


def read():
    """The list, the executable first, without the dynamic loader itself; [] when it cannot be read."""
    try:
        memory = os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return _read(memory)
    except (OSError, LookupError, OverflowError, struct.error):
        return []
    finally:
        os.close(memory)


def _read(memory):
    with open("/proc/self/auxv", "rb") as file:
        data = file.read(8192)
    auxiliary = dict(struct.iter_unpack("<QQ", data[: len(data) // 16 * 16]))
    address = _head(memory, auxiliary)
    found = {}
    while address and len(found) < _MOST:
        base, name, dynamic, following, _, real, namespace, names = _words(memory, address, _PUBLIC)
        if real != address or namespace:
            return []  # not glibc's
        name = _text(memory, name)
        # The vDSO has no path, and the loader was there before anything was asked for.
        if not found or ("/" in name and base != auxiliary.get(_AT_BASE)):
            (asked,) = _words(memory, names, 8)
            found[address] = Loaded(name, _text(memory, asked), dynamic)
        address = following
    return list(found.values()) if _find_loaders(memory, found) else []


def _head(memory, auxiliary):
    """Address of the first link_map."""
    at, size, count = (auxiliary[kind] for kind in (_AT_PHDR, _AT_PHENT, _AT_PHNUM))
    segments = [struct.unpack("<IIQQ", os.pread(memory, 24, at + step * size)) for step in range(count)]
    address = {kind: virtual for kind, _, _, virtual in reversed(segments)}
    dynamic = address[_PT_DYNAMIC] + at - address[_PT_PHDR]
    for step in range(1000):
        tag, value = _words(memory, dynamic + step * 16, 16)
        if tag == _DT_DEBUG:
            return _words(memory, value, 16)[1] if value else 0
        if not tag:
            break
    return 0


def _find_loaders(memory, found):
    """Fill in `loader`, from the one field that holds in every object another one that was there before it.

    False when there is no such field, or more than one.
    """
    blocks = [os.pread(memory, _SIZE, address) for address in found]
    earlier = {address: number for number, address in enumerate(found)}

    def fits(offset):
        if struct.unpack_from("<Q", blocks[0], offset)[0]:
            return False  # nobody asked for the executable
        some = False
        for number in range(1, len(blocks)):
            (value,) = struct.unpack_from("<Q", blocks[number], offset)
            if value and earlier.get(value, _MOST) >= number:
                return False
            some = some or value != 0
        return some

    held = [offset for offset in range(_PUBLIC, min(map(len, blocks), default=0) - 7, 8) if fits(offset)]
    if len(held) != 1:
        return False
    for address, block in zip(found, blocks):
        found[address].loader = found.get(struct.unpack_from("<Q", block, held[0])[0])
    return True


def _words(memory, address, size):
    return struct.unpack("<{}Q".format(size // 8), os.pread(memory, size, address))


def _text(memory, address):
    if not address:
        return ""
    data = b""
    while b"\0" not in data and len(data) < 8192:
        # A page at a time: what lies behind the string may not be there.
        piece = os.pread(memory, 4096 - (address + len(data)) % 4096, address + len(data))
        if not piece:
            break
        data += piece
    return os.fsdecode(data.partition(b"\0")[0])
