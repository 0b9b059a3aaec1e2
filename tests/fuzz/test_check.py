"""What the fuzz would miss if its checks were blind."""

from __future__ import annotations

import pytest

from tests.fuzz.check import Outcome, violations

TEXT, JSON, HTML = (("doctor", "--from", "x", "--format", form) for form in ("text", "json", "html"))
TOLD = b"envkit: x cannot be read\n  check the path\n"


@pytest.mark.parametrize(
    "arguments, code, out, err",
    [
        (TEXT, 0, b"all is well\n", b""),
        (TEXT, 4, b"", TOLD),
        (JSON, 0, b'{"schema": "envkit.doctor/1", "verdict": "healthy", "findings": []}', b""),
        (HTML, 1, b"<!doctype html><html><body><p>1 &lt; 2</p><br></body></html>", b""),
        (("doctor", "--merge", "x", "--format", "text"), 4, b"1 file could not be read\n", b""),
    ],
)
def test_what_is_right(arguments, code, out, err):
    assert violations(Outcome(arguments=arguments, code=code, out=out, err=err)) == []


@pytest.mark.parametrize(
    "arguments, code, out, err, says",
    [
        (TEXT, 1, b"", b"", "no report"),
        (TEXT, 10, b"", TOLD, "exit code"),
        (TEXT, -9, b"", b"", "exit code"),
        (TEXT, 4, b"", b"", "two lines"),
        (TEXT, 4, b"", b"no such file\n", "two lines"),
        (TEXT, 4, b"half a report\n", TOLD, "beside an error"),
        (TEXT, 0, b"all is well\n", b"warning: something\n", "standard error"),
        (TEXT, 1, b"", b"Traceback (most recent call last):\n", "a bug"),
        (TEXT, 4, b"", b"envkit: envkit has a bug: KeyError: 1\n  report it\n", "a bug"),
        (TEXT, 0, b"? this check itself failed (KeyError: 1)\n", b"", "a bug"),
        (TEXT, 0, b"red \x1b[31m\n", b"", "control character"),
        (TEXT, 0, "\u202eexe.png\n".encode(), b"", "control character"),
        (TEXT, 4, b"", b"envkit: \x1b[31m\n  check the path\n", "control characters"),
        (TEXT, 0, b"\xff\xfe", b"", "UTF-8"),
        (JSON, 0, b"{", b"", "JSON"),
        (JSON, 0, b'{"schema": "envkit.doctor/1", "verdict": "fine", "findings": []}', b"", "schema"),
        (JSON, 0, b'{"schema": "envkit.doctor/1", "verdict": NaN, "findings": []}', b"", "NaN"),
        (HTML, 0, b"<html><script>1</script></html>", b"", "script"),
        (HTML, 0, b"<html><p onclick='x'>1</p></html>", b"", "onclick"),
        (HTML, 0, b"<html><p style='background: url(x)'>1</p></html>", b"", "style"),
        (HTML, 0, b"<html><style>@import 'x'</style></html>", b"", "outside"),
        (HTML, 0, b"<html><p>1</html>", b"", "where another is open"),
        (HTML, 0, b"<html><!-- x --></html>", b"", "comment"),
    ],
)
def test_what_is_wrong(arguments, code, out, err, says):
    found = violations(Outcome(arguments=arguments, code=code, out=out, err=err))
    assert any(says in one for one in found), found
