"""AMD GPUs and the ROCm builds for them."""

from __future__ import annotations

from envkit.compat import Compat
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.model import Snapshot

_GENERIC = {"gfx9-generic": "gfx9", "gfx10-1-generic": "gfx101", "gfx10-3-generic": "gfx103",
            "gfx11-generic": "gfx11", "gfx12-generic": "gfx12"}  # fmt: skip
"""Targets that stand for a family (LLVM: user guide for AMDGPU, generic processors)."""


def rocm_arch_unsupported(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A ROCm build of torch without code for the AMD GPU."""
    torch = snapshot.python.torch if snapshot.python is not None else None
    if torch is None:
        if not views.packages_read(snapshot):
            return unknown(views.because(snapshot, "python"))
        return not_applicable("no ROCm build of a framework in the target Python")
    if not torch.hip:
        return not_applicable("the installed torch is no ROCm build")
    targets = snapshot.amd.targets if snapshot.amd is not None else None
    if targets is None:
        return unknown(views.because(snapshot, "amd"))
    if not targets:
        return not_applicable("no AMD GPU that computes on this machine")
    if not torch.archs:
        return unknown(f"the targets in torch {torch.version} could not be read")
    override = views.env(snapshot, "HSA_OVERRIDE_GFX_VERSION")
    if override:
        return not_applicable(f"HSA_OVERRIDE_GFX_VERSION={override} has the GPU run as another one")
    built = tuple(arch.partition(":")[0] for arch in torch.archs)
    if any(_has(built, target) for target in targets):
        # An APU's own graphics beside a card that works is not meant for training.
        return ok(f"torch {torch.version} has code for {targets[0]}")
    relative = _relative(built, targets[0])
    return problem(
        f"torch {torch.version} has no code for {targets[0]}",
        fact("AMD GPUs", ", ".join(dict.fromkeys(targets)), "/sys/class/kfd"),
        fact("targets in torch", " ".join(built), torch.archs_from or torch.path),
        target=targets[0],
        relative=relative,
        override=None if relative is None else _override(relative),
    )


def _has(built: tuple[str, ...], target: str) -> bool:
    return target in built or any(
        target.startswith(family) and len(target) - len(family) in (1, 2)
        for name, family in _GENERIC.items()
        if name in built
    )


def _relative(built: tuple[str, ...], target: str) -> str | None:
    """A target in the build that differs in its stepping only: AMD's runtime can be told to take it."""
    return next(
        (arch for arch in built if arch[:-1] == target[:-1] and arch.startswith(("gfx10", "gfx11"))), None
    )


def _override(target: str) -> str:
    """`gfx1030` -> `10.3.0`."""
    return f"{target[3:-2]}.{int(target[-2], 16)}.{int(target[-1], 16)}"


RULES = (rocm_arch_unsupported,)
