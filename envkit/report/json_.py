"""The report as JSON, which `envkit.core.codec` reads back."""

from __future__ import annotations

import re

from envkit.core import codec
from envkit.core.report import Report
from envkit.report import foreign
from envkit.report.options import Options

# JSON escapes what is below the space. DEL, C1 and direction overrides act on a terminal, too.
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def render(report: Report, options: Options) -> str:
    """The report itself, all of it: options ask for no less."""
    try:
        written = codec.dumps(report)
    except UnicodeEncodeError:  # a lone surrogate
        written = codec.dumps(foreign.encodable(codec.to_json(report)))
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", written) + "\n"
