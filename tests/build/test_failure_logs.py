"""Logs of builds that failed, cut from real ones, and what is said of them."""

from __future__ import annotations

import pytest

from envkit.build.failure import failure
from envkit.core.errors import BuildFailedError, DiskError, EnvkitError, NetworkError

BUILDKIT = """\
#5 [run 1/4] RUN groupadd --non-unique --gid "1000" envkit
#9 [build 2/4] RUN --mount=type=cache,target=/root/.cache/pip python3 -m venv /opt/uv
#5 0.412 getaddrinfo: Temporary failure in name resolution
#5 DONE 1.3s
{output}
#9 ERROR: executor failed running [/bin/sh -c python3 -m venv /opt/uv]: exit code: 1
------
 > [build 2/4] RUN --mount=type=cache,target=/root/.cache/pip python3 -m venv /opt/uv:
------
"""
CLASSIC = """\
Step 7/24 : RUN true
 ---> Running in 5e06ea424e99
Temporary failure in name resolution, tried again
Step 8/24 : RUN --mount=x python3 -m venv /opt/uv
 ---> Running in b01422a9cfb9
{output}
The command '/bin/sh -c python3 -m venv /opt/uv' returned a non-zero code: 1
"""
SAID: tuple[tuple[str, type[EnvkitError], str], ...] = (
    ("E: Unable to locate package nosuchpackage", BuildFailedError, "no package nosuchpackage"),
    ("E: Version '9' for 'gcc' was not found", BuildFailedError, "no package gcc"),
    ("error: No space left on device (os error 28)", DiskError, "no space left"),
    (
        "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed'",
        NetworkError,
        "intercepts TLS",
    ),
    (
        "  × Failed to download `six==1.17.0`\n  ╰─▶ Hash mismatch for `six==1.17.0`",
        BuildFailedError,
        "differs",
    ),
    (
        "WARNING: Retrying after connection broken by NewConnectionError: [Errno 111] Connection refused\n"
        "ERROR: No matching distribution found for uv==0.13.9",
        NetworkError,
        "could not be reached",
    ),
    ("ERROR: No matching distribution found for nosuch==1", BuildFailedError, "no index has nosuch==1"),
    ("something nobody has seen", BuildFailedError, "something nobody has seen"),
)


@pytest.mark.parametrize(("output", "kind", "words"), SAID)
def test_buildkit(output: str, kind: type[EnvkitError], words: str) -> None:
    lines = "\n".join(f"#9 3.14 {line}" for line in output.splitlines())
    error = failure(BUILDKIT.format(output=lines), "LOG")
    assert type(error) is kind
    assert "in step build 2/4 (RUN python3 -m venv /opt/uv)" in error.message
    assert words in error.message
    assert "LOG" in error.todo


@pytest.mark.parametrize(("output", "kind", "words"), SAID)
def test_classic(output: str, kind: type[EnvkitError], words: str) -> None:
    error = failure(CLASSIC.format(output=output), "LOG")
    assert type(error) is kind
    assert "in step 8/24 (RUN python3 -m venv /opt/uv)" in error.message
    assert words in error.message


def test_a_log_without_steps() -> None:
    error = failure("error during connect: Post http://docker/build: EOF", "LOG")
    assert error.message == "the build failed: the engine went away"
