"""Many nodes beside each other: which differ, which is the odd one, findings by cause.

`merge` takes `(name, Snapshot)` pairs; `Digester` and `assemble` are its halves, for snapshots that several
processes read. Pure.
"""

from __future__ import annotations

from envkit.doctor.fleet.digest import Digest, Digester
from envkit.doctor.fleet.merge import assemble, merge
from envkit.doctor.fleet.model import Fleet, Unreadable
from envkit.doctor.fleet.view import report

__all__ = ["Digest", "Digester", "Fleet", "Unreadable", "assemble", "merge", "report"]
