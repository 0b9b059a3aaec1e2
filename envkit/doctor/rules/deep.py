"""What happened when the frameworks were really imported and run (`--deep`)."""

from __future__ import annotations

import re

from envkit.compat import Compat
from envkit.core import text
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.model import Snapshot

_DEEP = "only with --deep"
_UNKNOWN_ERROR = re.compile(r"CUDA unknown error|cudaErrorUnknown|CUDA_ERROR_UNKNOWN")


def _not_run(snapshot: Snapshot) -> Outcome:
    tried = any(status.name == "deep" for status in snapshot.probes)
    return unknown(views.because(snapshot, "deep")) if tried else not_applicable(_DEEP)


def framework_import_failed(snapshot: Snapshot, compat: Compat) -> Outcome:
    """An installed framework cannot be imported."""
    if snapshot.deep is None:
        return _not_run(snapshot)
    words = {"import-failed": "cannot be imported", "crashed": "crashes", "timeout": "hangs"}
    for check in snapshot.deep:
        if check.state in words and check.import_seconds is None:
            lines = (check.error or "").strip().splitlines() or ["no message"]
            return problem(
                f"{check.framework} {words[check.state]}: {text.one_line(lines[-1])}",
                fact(
                    check.error_type or check.state,
                    text.one_line(check.error or "no message", limit=400),
                    "import",
                ),
                python=snapshot.python.executable if snapshot.python is not None else "python",
                framework=check.framework,
            )
    return ok("every installed framework can be imported")


def device_smoke_failed(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A small computation on a device fails or gives wrong numbers."""
    if snapshot.deep is None:
        return _not_run(snapshot)
    ran = 0
    for_cpu = {build.name for build in views.builds(snapshot) if build.cuda == ""}
    for check in snapshot.deep:
        if check.import_seconds is not None and check.state in ("crashed", "timeout"):
            how = "hangs" if check.state == "timeout" else "crashes"
            return problem(
                f"{check.framework} {how} in a small computation",
                fact(check.framework, check.error or check.state, "smoke test"),
            )
        for result in check.smoke or ():
            ran += 1
            if not result.ok:
                error = "not finite" if result.error is None else f"{result.error:.2g}"
                shown = result.detail or f"relative error {error}"
                return problem(
                    f"{result.op} in {result.dtype} on {result.device} with {check.framework} fails: {shown}",
                    fact("relative error", error, "smoke test"),
                    fact("tolerance", result.tolerance, "smoke test"),
                )
        seen = [device for device in check.devices or () if device.startswith(("cuda", "gpu"))]
        if check.framework in for_cpu:
            continue  # another check tells of that
        if check.state == "ok" and views.usable_nvidia(snapshot) and not seen:
            return problem(
                f"NVML lists a GPU and {check.framework} sees none",
                fact(f"devices of {check.framework}", ", ".join(check.devices or ()) or "none", "smoke test"),
                confidence=0.8,
            )
    return ok(f"{text.plural(ran, 'small computation')} agree with a float64 reference")


def suspend_resume_uvm(snapshot: Snapshot, compat: Compat) -> Outcome:
    """CUDA fails with an unknown error after the machine slept."""
    if snapshot.deep is None:
        return _not_run(snapshot)
    slept = snapshot.host.suspends if snapshot.host is not None else None
    if not slept:
        return not_applicable("this machine has not slept since it started, as far as is known")
    for check in snapshot.deep:
        told = (check.error or "", *(result.detail for result in check.smoke or () if not result.ok))
        said = next((one for one in told if _UNKNOWN_ERROR.search(one)), None)
        if said is not None and views.usable_nvidia(snapshot):
            return problem(
                f"{check.framework} meets CUDA's unknown error, and this machine slept "
                f"{text.plural(slept, 'time')} since it started",
                fact(check.framework, text.one_line(said, limit=400), "smoke test"),
                fact("times slept since boot", slept, "/sys/power/suspend_stats/success"),
                confidence=0.8,
            )
    return ok("CUDA works after the machine slept")


RULES = (framework_import_failed, device_smoke_failed, suspend_resume_uvm)
