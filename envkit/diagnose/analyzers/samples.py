"""Which samples a fault follows."""

from __future__ import annotations

from collections.abc import Iterator

from envkit.core.finding import Evidence
from envkit.diagnose.analyzers.root import Begin
from envkit.diagnose.trace_step import Event, Rows

_OF_BATCH = ("empty-reduction", "division-by-zero", "fp16-eps-underflow", "batchnorm-single-value")
"""Causes that may lie in a batch as a whole: in a count, a sum or a spread over it."""
_SHOWN = 12


def guilty(found: Begin, key: str) -> tuple[int, ...]:
    """Samples to look at, as indices of the dataset; () where none stands out or they are not known."""
    rows = _of(found, key)
    if rows is not None and rows.samples:
        return rows.worst or rows.samples
    if rows is None and key in _OF_BATCH and _of_all(found.event) and found.event.batch:
        return found.event.batch
    return ()


def told(found: Begin, key: str) -> Iterator[Evidence]:
    """The same as evidence, also where only places within the batch are known."""
    rows = _of(found, key)
    if rows is None:
        batch = guilty(found, key)
        if batch:
            yield Evidence(what="samples of that batch", value=_list(batch), source="indices of the data")
        return
    how = {"loader": "indices of the dataset", "slice": "rows of the data that were sliced"}
    if rows.samples:
        other = f"indices of the data ({rows.how})" if rows.how else "indices of the data"
        shown = rows.worst or rows.samples
        yield Evidence(what="samples", value=_list(shown), source=how.get(rows.how or "", other))
        if rows.under and not rows.worst:
            yield Evidence(
                what="the same samples",
                value=_list(rows.under),
                source="indices of the data before the split",
            )
    else:
        yield Evidence(
            what="rows of the batch", value=f"{_list(rows.bad)} of {rows.length}",
            source="which samples these are could not be seen",
        )  # fmt: skip


def _of(found: Begin, key: str) -> Rows | None:
    """Of a mask the rows that it leaves nothing of: it may overflow in others, too."""
    if key == "mask-overflow" and found.symptom.rows is not None:
        return bad_rows(Begin(event=found.symptom, symptom=found.symptom))
    return bad_rows(found)


def _list(values: tuple[int, ...]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(map(str, values[:_SHOWN])) + more


def bad_rows(found: Begin) -> Rows | None:
    """Bad rows where not all are: those of the beginning, else of the value that came of it."""
    for event in (found.event, found.symptom):
        rows = event.rows
        if rows is None:
            continue
        of_data = event.data or event.source == "data"
        few = rows.count < rows.length and rows.count <= max(1, rows.length // 2)
        if few or rows.worst or of_data or rows.length == 1:
            return rows
    return None


def _of_all(event: Event) -> bool:
    """Whether what failed is one number, or one a feature, for the whole batch."""
    return not event.out.shape or event.of == 1 or event.rows is None
