"""What was really loaded (`--deep`), which outranks what the loader was predicted to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from envkit.compat import Compat, version_key
from envkit.core import text
from envkit.core.finding import Evidence
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.model import Snapshot
from envkit.facts.python_model import DeepCheck, LoadedLibrary

_CUDA = frozenset(
    (
        *("cudart", "cublas", "cublasLt", "cudnn", "cufft", "curand", "cusolver", "cusparse", "cusparseLt"),
        *("nccl", "nvJitLink", "nvrtc", "cupti", "nvshmem"),
    )
)
"""Families that come with a framework; the driver's own never do."""
_MISSING_VERSION = re.compile(
    r"(?P<file>/\S*libstdc\+\+\S*): version `(?P<version>(?:GLIBCXX|CXXABI)_[\d.]+)' not found"
    r"(?: \(required by (?P<by>[^)]+)\))?"
)
_TWO_COPIES = "OMP: Error #15"
_INTEL_OR_LLVM = re.compile(r"lib(?:iomp5|omp)[-.]")


def _pairs(snapshot: Snapshot) -> Iterator[tuple[DeepCheck, LoadedLibrary]]:
    """Each loaded library with its check."""
    for check in snapshot.deep or ():
        for library in check.libraries or ():
            yield check, library


def settled(snapshot: Snapshot) -> frozenset[str]:
    """SONAMEs of which it is known what was loaded for them, and why."""
    return frozenset(lib.soname for _, lib in _pairs(snapshot) if lib.soname and lib.via is not None)


def shadowing(snapshot: Snapshot) -> Outcome | None:
    """A CUDA library from outside of the environment, loaded in place of one that lies in it; or None."""
    for check, library in _pairs(snapshot):
        shipped = next((other for other in library.others or () if other.shipped), None)
        if library.family not in _CUDA or library.shipped is not False or library.via is None or not shipped:
            continue
        have, wanted = (
            _version(snapshot, library.path, library.version),
            _version(snapshot, shipped.path, None),
        )
        if have is not None and have == wanted:
            continue
        newer = _newer(have, wanted)
        return problem(
            f"{check.framework} has loaded {library.path} and not {shipped.path}, which the environment "
            f"ships: {because(library)}",
            fact("loaded", f"{library.path} ({have or 'version unknown'})", "loaded files"),
            fact("shipped", f"{shipped.path} ({wanted or 'version unknown'})", shipped.via),
            *_evidence(library),
            # One SONAME is one major; within it NVIDIA's newer libraries serve what was built for older ones.
            severity="warning" if newer else None,
            confidence=0.95 if have and wanted else 0.8,
            **_slots(snapshot, check, library),
        )
    return None


def because(library: LoadedLibrary) -> str:
    """What let a library in, as the end of a sentence."""
    entry, owner = library.entry or "", library.entry_of
    words = {
        "ld-preload": f"{owner or 'LD_PRELOAD'} names {entry}",
        "ld-library-path": f"LD_LIBRARY_PATH has {entry or 'an empty entry, which is the current directory'}",
        "rpath": f"the RPATH of {owner} has {entry}",
        "runpath": f"the RUNPATH of {owner} has {entry}",
        "ld-cache": f"the loader's cache has {entry}" + (f", by {owner}" if owner else ""),
        "default": f"{entry} is one of the loader's own directories",
        "path": f"{library.needed_by or 'a dlopen'} asks for that very path",
        None: "what let it in is not known",
    }
    return words[library.via]


def _evidence(library: LoadedLibrary) -> tuple[Evidence, ...]:
    """What let it in and who asked, as evidence."""
    names = {
        "ld-preload": library.entry_of or "LD_PRELOAD",
        "ld-library-path": "LD_LIBRARY_PATH",
        "rpath": f"RPATH of {library.entry_of}",
        "runpath": f"RUNPATH of {library.entry_of}",
        "ld-cache": library.entry_of or "/etc/ld.so.cache",
        "default": "default directory",
        "path": "path asked for",
    }
    if library.via is None:
        return ()
    found = (fact("let in by", library.entry or "an empty entry", names[library.via]),)
    if library.needed_by is None:
        return found
    how = {"needed": "DT_NEEDED", "dlopen": "dlopen", "preload": "preload"}[library.asked or "needed"]
    return (*found, fact("asked for by", library.needed_by, how))


def _slots(snapshot: Snapshot, check: DeepCheck, library: LoadedLibrary) -> dict[str, str | None]:
    """The slots of the fix that fits what let a library in."""
    entry, owner, via = library.entry, library.entry_of, library.via
    if via == "ld-library-path":
        return {"folder": entry}
    if via == "ld-preload":
        return (
            {"preload": entry, "preload_file": owner} if owner else {"preload": entry, "preload_env": "yes"}
        )
    if via in ("rpath", "runpath"):
        return {"entry": entry, "owner": owner}
    if via == "ld-cache" and owner:
        return {"cached": (entry or "").rpartition("/")[0], "conf": owner}
    if via in ("ld-cache", "default"):
        return {"system_file": library.path}
    python = snapshot.python.executable if snapshot.python is not None else "python"
    return {"opened": library.path, "python": python, "framework": check.framework}


def _version(snapshot: Snapshot, path: str, known: str | None) -> str | None:
    """The version in a file's name, else the one that the package has that put it there."""
    return known or next((lib.version for lib in snapshot.libraries or () if lib.path == path), None)


def _newer(one: str | None, other: str | None) -> bool:
    have, wanted = views.version(one), views.version(other)
    return have is not None and wanted is not None and have > wanted


def two_copies(snapshot: Snapshot, family: str, name: str) -> Outcome | None:
    """Two files of one SONAME in one process, or parts of a family from two places and versions; or None."""
    for check in snapshot.deep or ():
        found = [library for library in check.libraries or () if library.family == family]
        places: dict[str, LoadedLibrary] = {}
        for library in found:
            places.setdefault(library.path.rpartition("/")[0], library)
        versions = {_version(snapshot, library.path, library.version) for library in found}
        twice = len({library.soname for library in found}) < len(found)
        if len(places) < 2 or (len(versions) == 1 and None not in versions and not twice):
            continue
        first, second = list(places.values())[:2]
        kept, spare = (second, first) if second.shipped and not first.shipped else (first, second)
        shown = [_version(snapshot, one.path, one.version) or "version unknown" for one in (kept, spare)]
        return problem(
            f"{check.framework} has loaded {name} from two places: {kept.path} ({shown[0]}) and "
            f"{spare.path} ({shown[1]}); {because(spare)}",
            fact("loaded", f"{kept.path} ({shown[0]})", "loaded files"),
            fact("loaded, too", f"{spare.path} ({shown[1]})", "loaded files"),
            *_evidence(spare),
            confidence=0.9 if None not in versions else 0.7,
            kept=kept.path,
            spare=spare.path,
        )
    return None


def duplicate_openmp(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Two OpenMP runtimes in one process."""
    if snapshot.deep is None:
        if any(status.name == "deep" for status in snapshot.probes):
            return unknown(views.because(snapshot, "deep"))
        return not_applicable("only with --deep: which runtimes get loaded is seen when they are")
    looked = False
    for check in snapshot.deep:
        said = f"{check.error or ''}\n{check.traceback or ''}"
        if _TWO_COPIES in said:
            line = next(line for line in said.splitlines() if _TWO_COPIES in line)
            return problem(
                f"{check.framework} is ended by an OpenMP runtime that found another one",
                fact(check.framework, text.one_line(line, limit=400), "import"),
                *_runtimes(check),
            )
        looked = looked or check.libraries is not None
        found = _runtimes(check)
        if len(found) > 1:
            strict = sum(bool(_INTEL_OR_LLVM.match(one.value.rpartition("/")[2])) for one in found)
            severity = "error" if strict > 1 else "warning" if strict else "note"
            return problem(
                f"{check.framework} has loaded {text.plural(len(found), 'OpenMP runtime')}: "
                + " and ".join(one.value for one in found),
                *found,
                severity=severity,  # type: ignore[arg-type]
                confidence=0.9,
            )
    if snapshot.deep and not looked:
        return unknown("which libraries were loaded could not be read")
    return ok("no framework loads two OpenMP runtimes")


def _runtimes(check: DeepCheck) -> tuple[Evidence, ...]:
    found = [library for library in check.libraries or () if library.family == "openmp"]
    return tuple(
        fact(library.soname or "OpenMP runtime", library.path, because(library)) for library in found
    )


def libstdcxx_too_old(snapshot: Snapshot, compat: Compat) -> Outcome:
    """libstdc++ that lacks a symbol version that a binary needs."""
    for check in snapshot.deep or ():
        match = _MISSING_VERSION.search(check.error or "")
        if match is not None:
            return _missing_version(snapshot, check, match)
    python = snapshot.python
    if python is None or not (python.torch or python.tensorflow):
        return (
            not_applicable("no framework in the target Python")
            if python
            else unknown(views.because(snapshot, "python"))
        )
    loaded = {check.framework for check in snapshot.deep or () if check.import_seconds is not None}
    if loaded:
        return ok(f"{' and '.join(sorted(loaded))} got the libstdc++ that they need")
    if python.glibcxx_needed == "":
        return not_applicable("the framework brings its own C++ library inside")
    if python.glibcxx_needed is None or python.libstdcxx is None:
        return unknown("which libstdc++ there is, or which the framework needs, could not be read")
    if version_key(python.libstdcxx) >= version_key(python.glibcxx_needed):
        return ok(f"libstdc++ has GLIBCXX_{python.libstdcxx}, and {python.glibcxx_needed} is needed")
    return problem(
        f"the libstdc++ that the loader finds first ends at GLIBCXX_{python.libstdcxx}; "
        f"the framework needs GLIBCXX_{python.glibcxx_needed}",
        fact("newest GLIBCXX there", python.libstdcxx, "libstdc++.so.6"),
        fact("newest GLIBCXX needed", python.glibcxx_needed, python.glibcxx_needed_by or "framework"),
        confidence=0.9,
    )


def _missing_version(snapshot: Snapshot, check: DeepCheck, match: re.Match[str]) -> Outcome:
    """The loader's own words, and what let that libstdc++ in."""
    folder = match["file"].rpartition("/")[0]
    here = [one for one in check.libraries or () if one.family == "libstdc++" and one.via is not None]
    entries = (views.env(snapshot, "LD_LIBRARY_PATH") or "").split(":")
    named = next((entry for entry in entries if entry and entry.rstrip("/") == folder), None)
    if here and here[0].via == "ld-library-path":
        named = here[0].entry
    why = because(here[0]) if here else f"LD_LIBRARY_PATH has {named}" if named else ""
    by = match["by"] or check.framework
    return problem(
        f"{by} needs {match['version']}, which {match['file']} does not have" + (f"; {why}" if why else ""),
        fact("version needed", match["version"], by),
        fact("libstdc++ found", match["file"], "import"),
        *(_evidence(here[0]) if here else ()),
        folder=named,
    )


RULES = (duplicate_openmp, libstdcxx_too_old)
