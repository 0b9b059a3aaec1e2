"""Where the report and the saved trace of `envkit diagnose` go."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envkit.cli.options import Format
from envkit.core.errors import DiskError

if TYPE_CHECKING:
    from envkit.cli.diagnose_options import Ask
    from envkit.diagnose.model import Diagnosis
    from envkit.diagnose.recording import Recording


def keep(recording: Recording, ask: Ask) -> DiskError | None:
    """`--save`. What could not be written is returned: the report is still to be told."""
    if ask.save is None:
        return None
    from envkit.core.codec import dumps, write_text
    from envkit.diagnose.recording import to_saved

    try:
        write_text(str(ask.save), dumps(to_saved(recording), indent=-1) + "\n")
    except DiskError as error:
        return error
    return None


def tell(diagnosis: Diagnosis, recording: Recording, ask: Ask) -> DiskError | None:
    """The report as asked for; on standard error where it could not be written, which is returned."""
    try:
        _told(diagnosis, recording, ask)
    except DiskError as error:
        _write(_rendered(diagnosis, recording, ask, "text", to_file=False))
        return error
    return None


def _told(diagnosis: Diagnosis, recording: Recording, ask: Ask) -> None:
    if ask.format is Format.JSON:
        from envkit.cli.output import emit
        from envkit.core.codec import dumps, to_json
        from envkit.diagnose.recording import shown

        emit(dumps(shown(to_json(diagnosis))), ask.output)
        return
    text = _rendered(diagnosis, recording, ask, ask.format.value, to_file=ask.output is not None)
    if ask.output is None:
        _write(text)
        return
    from envkit.core.codec import write_text

    write_text(ask.output, text + "\n")


def _rendered(diagnosis: Diagnosis, recording: Recording, ask: Ask, name: str, *, to_file: bool) -> str:
    from envkit.cli.output import options, shareable
    from envkit.diagnose.summary import report
    from envkit.report import render

    made = report(
        diagnosis,
        recording.processes,
        recording.sources,
        command=recording.command,
        memory=recording.memory,
        conditions=recording.conditions,
        folder=recording.folder,
        only=ask.only,
        page=name == "html",
        prove=_prove(recording),
    )
    if name != "text" or to_file:
        made = shareable(made)
    wanted = options(to_file=to_file, verbose=ask.verbose, quiet=ask.quiet, on_stderr=True)
    return render(made, name, wanted)


def _prove(recording: Recording) -> str | None:
    """The command that tries what would make the script faster; None where that is not done."""
    if recording.image is not None:
        return None
    return f"envkit diagnose --only speed --try -- {recording.command}"


def _write(text: str) -> None:
    try:
        encoding = sys.stderr.encoding or "utf-8"
        sys.stderr.write("\n" + text.encode(encoding, "replace").decode(encoding))
        sys.stderr.flush()
    except OSError:  # nobody reads; the exit code still tells
        pass
