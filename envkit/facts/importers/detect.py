"""Which kind of report a file is, and what it tells: for `envkit doctor --from`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envkit.core.codec import Loaded, loads, read_input, to_json
from envkit.core.errors import BadInputError
from envkit.facts.importers import collect_env, env_lists, nvidia_smi, nvidia_smi_q, smi_errors
from envkit.facts.importers.merge import merge
from envkit.facts.importers.text import clean, decoded, is_binary, unpacked
from envkit.facts.model import Snapshot

ACCEPTED = (
    "give what `envkit doctor --save` or `envkit doctor --json -v` wrote, or the text of "
    "`python -m torch.utils.collect_env`, nvidia-smi, `nvidia-smi -q` (or `-q -x`), `transformers env`, "
    "`accelerate env`, ds_report or `python -m xformers.info`"
)
"""The kinds of input, for an error message."""

_JSON = re.compile(r"^[ \t]*\{", re.MULTILINE)
_OURS = re.compile(r'"envkit\.(?:snapshot|doctor)/')
_ERROR_TEXT = re.compile(
    r"^Traceback \(most recent call last\)|^(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception): ",
    re.MULTILINE,
)
_HEAD = 1 << 20
"""Characters of a text that are looked through for an error message."""
_MOST_PARTS = 32
"""Reports of one kind in one paste; of more, as of a log of `nvidia-smi -l`, the last count."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Doctor:
    """What `envkit doctor --json` prints, as far as it matters here."""

    schema: str
    snapshot: Snapshot | None = None


def import_text(data: bytes, name: str) -> Snapshot:
    """The snapshot in a file or paste of any of the kinds that `ACCEPTED` lists, or several of them at once.

    data: as it was given: UTF-8, UTF-16 or Latin-1, with or without colours, quoted or not, or gzip.
    name: of the source, for messages.

    Raises BadInputError for anything else.
    """
    return load_bytes(data, name).value


def import_files(paths: Sequence[str | Path]) -> Snapshot:
    """`load_snapshot` without the JSON."""
    return load_snapshot(*paths).value


def load_snapshot(*sources: str | Path) -> Loaded[Snapshot]:
    """The snapshot that one or several files tell together; `-` is standard input.

    The more specific of several comes first: a snapshot, then nvidia-smi -q, its table, then the reports of
    libraries; among equals the later. `raw` is the JSON of a single snapshot as it was, with fields that this
    version does not know, and else what `value` would be saved as.

    Raises BadInputError: a file cannot be read or is of no kind that is known.
    """
    if not sources:
        raise BadInputError("no file was given", todo=ACCEPTED)
    loaded = [_load(source) for source in sources]
    if len(loaded) == 1:
        return loaded[0][1]
    loaded.reverse()
    loaded.sort(key=lambda pair: pair[0])
    merged = merge([one.value for _, one in loaded])
    return Loaded(value=merged, raw=to_json(merged))


def _load(source: str | Path) -> tuple[int, Loaded[Snapshot]]:
    name = "standard input" if str(source) == "-" else str(source)
    return _ranked(read_input(source), name)


def load_bytes(data: bytes, name: str) -> Loaded[Snapshot]:
    """`import_text` with the JSON, as `load_snapshot` gives it."""
    return _ranked(data, name)[1]


def _ranked(data: bytes, name: str) -> tuple[int, Loaded[Snapshot]]:
    """How specific the input is (0 is most), and what it tells."""
    data = unpacked(data, name)
    if is_binary(data):
        raise BadInputError(f"{name} is of no kind that envkit reads: it is binary", todo=ACCEPTED)
    text = decoded(data)
    if not text.strip("\0 \t\r\n"):
        raise BadInputError(f"{name} is empty", todo=ACCEPTED)
    if text.lstrip().startswith("{"):
        return 0, _json(text, name)
    text = clean(text, name)
    if _OURS.search(text) and (start := _JSON.search(text)) is not None:
        return 0, _json(text[start.start() : text.rfind("}") + 1], name)
    found = sorted(_pieces(text, name), key=lambda piece: piece[0])
    told = [piece for piece in found if _tells(piece[1])]
    if not told:
        if not found and _ERROR_TEXT.search(text[:_HEAD]):
            raise BadInputError(
                f"{name} looks like an error message, not like a report of a machine",
                todo=f"have it explained: --error {name if name != 'standard input' else '-'}",
            )
        what = "looks like a report and tells nothing" if found else "is of no kind that envkit reads"
        raise BadInputError(f"{name} {what}", todo=ACCEPTED)
    merged = merge([snapshot for _, snapshot in told])
    return told[0][0], Loaded(value=merged, raw=to_json(merged))


def _json(text: str, name: str) -> Loaded[Snapshot]:
    """A snapshot, or the answer of doctor that holds one."""
    data = text.encode("utf-8", "replace")
    if '"envkit.doctor/' not in text:
        return loads(Snapshot, data, name="snapshot", where=name)
    try:
        return loads(Snapshot, data, name="snapshot", where=name)
    except BadInputError:
        answer = loads(_Doctor, data, name="doctor", where=name)
    if answer.value.snapshot is None:
        raise BadInputError(
            f"{name} is an answer of envkit doctor without the facts it was made from",
            todo="make it with `envkit doctor --json -v`, or save the facts with --save",
        )
    raw: dict[str, Any] = answer.raw["snapshot"]
    return Loaded(value=answer.value.snapshot, raw=raw)


def _tells(snapshot: Snapshot) -> bool:
    """Whether anything at all was read."""
    return any(
        getattr(snapshot, name) is not None
        for name in ("host", "cpu", "memory", "driver", "nvml", "cuda", "python")
    )


def _pieces(text: str, name: str) -> list[tuple[int, Snapshot]]:
    """The reports in a text with how specific each is; the later of equals comes first."""
    pieces: list[tuple[int, Snapshot]] = []
    if nvidia_smi_q.is_xml(text):
        pieces.append((1, nvidia_smi_q.read_xml(text, name)))
    if nvidia_smi_q.is_text(text):
        pieces.append((1, nvidia_smi_q.read(text)))
    pieces += [(2, snapshot) for snapshot in _tables(text)]
    if env_lists.is_xformers(text):
        pieces.append((3, env_lists.read_xformers(text)))
    if collect_env.found_in(text):
        reports = [*collect_env.parts(text)][-_MOST_PARTS:]
        pieces += [(4, collect_env.read(report)) for report in reversed(reports)]
    if env_lists.is_deepspeed(text):
        pieces.append((5, env_lists.read_deepspeed(text)))
    if env_lists.is_hf(text):
        pieces.append((6, env_lists.read_hf(text)))
    return pieces


def _tables(text: str) -> list[Snapshot]:
    """The tables of nvidia-smi and the messages in place of one, the last first."""
    banners = [*nvidia_smi.banners(text)][-_MOST_PARTS:]
    messages = [] if nvidia_smi_q.is_text(text) else smi_errors.messages(text)
    # GPUs that could not be opened are missing from the table beside the message.
    lost = next((said for _, said in messages if said.gpus), None) if banners else None
    found = [(start, nvidia_smi.read(banner, lost)) for start, banner in banners]
    found += [(start, nvidia_smi.read_failure(said)) for start, said in messages if said is not lost]
    return [snapshot for _, snapshot in sorted(found, key=lambda pair: pair[0], reverse=True)]
