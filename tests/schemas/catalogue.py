"""Every value that is saved or printed, by the name in its schema."""

from __future__ import annotations

from typing import Any

from envkit.bench.aa import AaResult
from envkit.bench.history_store import Entry
from envkit.bench.model import BenchResult
from envkit.bench.samples import Samples
from envkit.build.drift import Drift
from envkit.build.record import Record
from envkit.build.run import Outcome
from envkit.cli.explained import Causes
from envkit.core.report import Report
from envkit.diagnose.model import Diagnosis
from envkit.diagnose.recording import Recording
from envkit.doctor.answer import Answer
from envkit.doctor.fleet.model import Fleet
from envkit.facts.model import Snapshot
from envkit.match.model import Explanation
from envkit.resolve.model import Plan, Refusal

SCHEMAS: dict[str, Any] = {
    "report": Report,
    "snapshot": Snapshot,
    "doctor": Answer,
    "fleet": Fleet,
    "causes": Causes,
    "explanation": Explanation,
    "plan": Plan,
    "refusal": Refusal,
    "built": Outcome,
    "build": Record,
    "drift": Drift,
    "bench": BenchResult,
    "bench-samples": Samples,
    "bench-aa": AaResult,
    "bench-history": Entry,
    "diagnosis": Diagnosis,
    "trace": Recording,
}
