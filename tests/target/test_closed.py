"""An environment whose interpreter this user may not read is not broken."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
from pathlib import Path
from envkit.core import proc
from envkit.core.machine import Machine
from envkit.facts.probe import ProbeStop
from envkit.target import python_probe
import sys
try:
    python_probe(sys.argv[1]).read(Machine(root=Path("/"), env={}, run=proc.run))
except ProbeStop as stop:
    print(stop.value["python"].base_exists, "|", stop.detail)
"""


def test_closed_is_not_gone(tmp_path):
    base, env = tmp_path / "base" / "bin", tmp_path / "env"
    base.mkdir(parents=True)
    (base / "python3").write_text("#!/bin/sh\n")
    (env / "bin").mkdir(parents=True)
    (env / "bin" / "python").symlink_to(base / "python3")
    (env / "pyvenv.cfg").write_text(f"home = {base}\nversion = 3.12.4\n")
    (tmp_path / "base").chmod(0)
    # Root may enter every directory; without its powers it may not enter a closed one either.
    prefix = [] if os.geteuid() else ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    command = [*prefix, sys.executable, "-c", CODE, str(env / "bin" / "python")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    (tmp_path / "base").chmod(0o700)
    assert done.stdout.startswith("None | "), done
    assert "may not" in done.stdout
