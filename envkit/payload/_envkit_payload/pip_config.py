"""pip's settings, in pip's own order of precedence, credentials removed.

Source: pip's `_internal/configuration.py`: global files, user files, the site file, PIP_CONFIG_FILE, then the
environment; the section of a command overrides `[global]`.
"""

import os
import sys

_KEYS = ("index-url", "extra-index-url", "find-links", "cert", "proxy", "no-index")


def read():
    """Fields of PipConfig."""
    values = {}
    files = []
    for path in _candidates():
        if os.path.isfile(path):
            sections = _sections(path)
            files.append(path)
            for section in ("global", "install"):
                values.update(sections.get(section, {}))
    for key in _KEYS:
        value = os.environ.get("PIP_" + key.upper().replace("-", "_"))
        if value:
            values[key] = value
    found = {key.replace("-", "_"): _public(values[key]) for key in _KEYS if values.get(key)}
    if "no_index" in found:
        found["no_index"] = found["no_index"].lower() in ("1", "true", "yes", "on", "y", "t")
    return dict(found, files=files)


def _candidates():
    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = os.path.expanduser("~")
    system = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    paths = [os.path.join(folder, "pip", "pip.conf") for folder in system.split(os.pathsep) if folder]
    paths.append("/etc/pip.conf")
    if not (named and os.path.exists(named)):
        config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        paths += [os.path.join(home, ".pip", "pip.conf"), os.path.join(config, "pip", "pip.conf")]
    paths.append(os.path.join(sys.prefix, "pip.conf"))
    if named:
        paths.append(named)
    return paths


def _sections(path):
    import configparser  # only where there is a file to read

    parser = configparser.RawConfigParser()
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            parser.read_string(file.read(1 << 16))
    except (OSError, configparser.Error):
        return {}
    return {name: {_key(key): value for key, value in parser.items(name)} for name in parser.sections()}


def _key(name):
    return name.lower().replace("_", "-").lstrip("-")


def _public(value):
    """One line, without the user and password of any URL in it."""
    words = []
    for word in value.split():
        scheme, separator, rest = word.partition("://")
        host, slash, path = rest.partition("/")
        if separator and "@" in host:
            host = "***@" + host.rpartition("@")[2]
        words.append(scheme + separator + host + slash + path if separator else word)
    return " ".join(words)
