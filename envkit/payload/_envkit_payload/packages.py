"""Installed distributions that matter: every copy on sys.path, and what conda says it installed."""

import os

from . import names

_LEADING = "-~.=%0123456789"
"""What pip puts in front of the rest of a name that it moves away (`AdjacentTempDirectory`)."""
_HEADERS = 1 << 17
"""Bytes of a METADATA file in which its headers end."""


def read(paths):
    """Distribution dicts in sys.path order."""
    found = []
    for entry in paths.entries:
        if entry in paths.library:
            continue
        for name in sorted(paths.names(entry)):
            if name.endswith((".dist-info", ".egg-info")):
                found += _installed(entry, name)
            elif name.endswith(".egg-link"):
                found += _egg_link(entry, name)
            elif name == "EGG-INFO":
                found += _described(os.path.join(entry, name), "PKG-INFO", "", os.path.dirname(entry))
            elif name.startswith("~"):
                found += _leftover(entry, name)
    return found


def _installed(entry, folder):
    """One *.dist-info or *.egg-info that may be of interest."""
    if folder.startswith("~"):
        return _leftover(entry, folder)
    stem = folder.rpartition(".")[0]
    name, _, version = stem.partition("-")
    if folder.endswith(".egg-info"):
        version = version.partition("-py")[0]
    if not names.matters(names.normalised(name)):
        return []
    where = os.path.join(entry, folder)
    if folder.endswith(".egg-info") and not os.path.isdir(where):
        return _described(entry, folder, stem, entry)
    return _described(where, "METADATA" if folder.endswith(".dist-info") else "PKG-INFO", stem, entry)


def _described(where, file, stem, location):
    """A distribution from its metadata file; broken when that cannot be used."""
    name, _, version = stem.partition("-")
    base = {"name": names.normalised(name), "version": version.partition("-py3")[0], "location": location}
    try:
        with open(os.path.join(where, file), "rb") as stream:
            headers = _headers(stream.read(_HEADERS).decode("utf-8", "replace"))
    except OSError as error:
        return [dict(base, broken="{}: {}".format(error.strerror, os.path.join(where, file)))]
    if not headers["name"] or not headers["version"]:
        missing = "Name" if not headers["name"] else "Version"
        return [dict(base, broken="no {} in {}".format(missing, os.path.join(where, file)))]
    name = names.normalised(headers["name"][0])
    if not names.matters(name):
        return []
    return [
        dict(
            base,
            name=name,
            version=headers["version"][0],
            installer=_text(os.path.join(where, "INSTALLER")),
            editable=_is_editable(where),
            requires=[line for line in headers["requires-dist"] if names.matters(_required(line))],
        )
    ]


def _headers(text):
    """Name, Version and Requires-Dist of core metadata; the description after the blank line is not read."""
    found = {"name": [], "version": [], "requires-dist": []}
    for line in text.splitlines():
        if not line.strip():
            break
        key, colon, value = line.partition(":")
        if colon and key.lower() in found:
            found[key.lower()].append(value.strip())
    return found


def _required(requirement):
    """The normalised name in a requirement string."""
    end = 0
    while end < len(requirement) and (requirement[end].isalnum() or requirement[end] in "-_."):
        end += 1
    return names.normalised(requirement[:end])


def _text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(200).strip() or None
    except OSError:
        return None


def _is_editable(where):
    """Whether PEP 610's direct_url.json says so."""
    try:
        with open(os.path.join(where, "direct_url.json"), encoding="utf-8", errors="replace") as file:
            return '"editable":true' in "".join(file.read(1 << 16).split())
    except OSError:
        return False


def _egg_link(entry, name):
    """A development install of setuptools before PEP 660: a file that names the source directory."""
    if not names.matters(names.normalised(name[: -len(".egg-link")])):
        return []
    source = (_text(os.path.join(entry, name)) or "").partition("\n")[0].strip()
    distribution = name[: -len(".egg-link")]
    where = os.path.join(source, distribution.replace("-", "_") + ".egg-info")
    return [
        dict(found, editable=True, location=entry)
        for found in _described(where, "PKG-INFO", distribution, entry)
    ]


def _leftover(entry, folder):
    """What an interrupted pip left behind: `torch` moved away becomes `~orch`, `~-rch`, ..."""
    stem = folder[: -len(".dist-info")] if folder.endswith(".dist-info") else folder
    tail, _, version = stem.lstrip(_LEADING).partition("-")
    tail = names.normalised(tail)
    moved = len(stem) - len(stem.lstrip(_LEADING))
    for candidate in sorted(names.EXACT):
        if len(candidate) == moved + len(tail) and len(tail) >= 2 and candidate.endswith(tail):
            broken = "left behind by an interrupted pip: {}".format(os.path.join(entry, folder))
            return [{"name": candidate, "version": version, "location": entry, "broken": broken}]
    return []


def read_conda(paths, prefix):
    """The same names from conda-meta: its file names say name, version and build."""
    folder = os.path.join(prefix, "conda-meta")
    found = []
    for file in sorted(paths.names(folder)):
        parts = file[: -len(".json")].rsplit("-", 2) if file.endswith(".json") else []
        if len(parts) == 3 and names.matters_in_conda(parts[0]):
            found.append({"name": parts[0], "version": parts[1], "location": folder, "installer": "conda"})
    return found
