"""Zero false alarms: on a healthy machine no rule complains, and none has to guess."""

from __future__ import annotations

import pytest

from envkit.doctor.judge import fails, judge, verdict
from tests.doctor.machines import HEALTHY


@pytest.mark.parametrize("machine", HEALTHY, ids=lambda machine: machine.__name__)
def test_nothing_is_wrong_or_unknown(machine, compat):
    findings = judge(machine(), compat)
    wrong = [(f.key, f.summary or f.why_unknown) for f in findings if f.outcome in ("problem", "unknown")]
    assert wrong == []
    assert verdict(findings) == "healthy"
    assert not fails(findings, strict=True)
