"""What `nvidia-smi -q` tells of a GPU's failing memory: error counters, retired pages, remapped rows."""

from __future__ import annotations

import re

from envkit.facts.gpu_model import Ecc, RowRemap
from envkit.facts.importers.tree import Tree
from envkit.facts.importers.values import integer, present, yes

_RETIRED, _COUNT = "retired_pages/", "retired_count"


def ecc(tree: Tree) -> Ecc | None:
    """ECC mode, counters and page retirement; None where the report tells none of it."""
    pending = yes(tree.text("retired_pages/pending_page_blacklist", "retired_pages/pending_blacklist"))
    if pending is None:
        pending = yes(tree.text("retired_pages/pending_retirement", "retired_pages/pending"))
    retired = [
        integer(
            tree.text("retired_pages/single_bit_ecc", f"{_RETIRED}multiple_single_bit_retirement/{_COUNT}")
        ),
        integer(tree.text("retired_pages/double_bit_ecc", f"{_RETIRED}double_bit_retirement/{_COUNT}")),
    ]
    exceeded = tree.text(*(f"ecc_errors/{place}sram_threshold_exceeded" for place in ("aggregate/", "")))
    value = Ecc(
        enabled=yes(tree.text("ecc_mode/current", "ecc_mode/current_ecc")),
        pending=yes(tree.text("ecc_mode/pending", "ecc_mode/pending_ecc")),
        corrected_volatile=_errors(tree, "volatile", corrected=True),
        uncorrected_volatile=_errors(tree, "volatile", corrected=False),
        corrected_aggregate=_errors(tree, "aggregate", corrected=True),
        uncorrected_aggregate=_errors(tree, "aggregate", corrected=False),
        sram_threshold_exceeded=yes(exceeded),
        retired_pages=sum(count or 0 for count in retired) if any(c is not None for c in retired) else None,
        retirement_pending=pending,
    )
    return None if value == Ecc() else value


def _errors(tree: Tree, life: str, *, corrected: bool) -> int | None:
    """Errors of all memories: before Ampere by bits with a total, since then by memory."""
    old = tree.under(f"ecc_errors/{life}/{'single' if corrected else 'double'}_bit")
    if old is not None:
        total = integer(old.text("total"))
        counts = [integer(present(text)) for name, text in old.leaves() if name != "total"]
        known = [count for count in counts if count is not None]
        return total if total is not None else sum(known) if known else None
    section = tree.under(f"ecc_errors/{life}")
    if section is None:
        return None
    wanted = re.compile(r"(?:sram|dram)_correctable" if corrected else r"(?:sram|dram)_uncorrectable\w{0,20}")
    counts = [integer(present(text)) for name, text in section.leaves() if wanted.fullmatch(name)]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def row_remap(tree: Tree) -> RowRemap | None:
    """Row remapping; None before Ampere."""
    section = tree.under("remapped_rows")
    if section is None:
        return None
    correctable = integer(section.text("correctable_error", "remapped_row_corr"))
    uncorrectable = integer(section.text("uncorrectable_error", "remapped_row_unc"))
    pending = yes(section.text("pending", "remapped_row_pending"))
    failed = yes(section.text("remapping_failure_occurred", "remapped_row_failure"))
    if correctable is None or uncorrectable is None or pending is None or failed is None:
        return None
    return RowRemap(correctable=correctable, uncorrectable=uncorrectable, pending=pending, failed=failed)
