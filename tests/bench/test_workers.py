"""Which worker of a launch is to blame, from what torchrun writes."""

from __future__ import annotations

from envkit.bench.ended import explained
from envkit.bench.workers import Fault, behind, first_failed, own_words
from envkit.target.bench_job import Told

# torch 2.13, rank 1 of 2 killed with SIGSEGV; the traceback of torchrun itself is shortened.
CRASHED = """\
Fatal Python error: Segmentation fault
W1122 07:42:15.272000 6555 lib/torch/distributed/elastic/multiprocessing/api.py:1028] Sending 6562 SIGTERM
E1122 07:42:15.394000 6555 lib/torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: -11)
Traceback (most recent call last):
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
/opt/envkit/payload/__main__.py FAILED
------------------------------------------------------------
Failures:
[1]:
  time      : 2026-11-22_07:42:15
  host      : localhost
  rank      : 4 (local_rank: 0)
  exitcode  : -15 (pid: 6562)
  error_file: <N/A>
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-22_07:42:15
  host      : localhost
  rank      : 5 (local_rank: 1)
  exitcode  : -11 (pid: 6563)  (SIGSEGV)
  error_file: <N/A>
  traceback : Signal 11 (SIGSEGV) received by PID 6563
============================================================
"""


def told(stderr: str, *, how: str = "crashed", code: int = 1) -> Told:
    return Told(began=0.0, ended=1.0, how=how, ranks=((), ()), code=code, stderr=stderr)  # type: ignore[arg-type]


def test_the_first_failure_counts_and_not_the_workers_that_were_ended_for_it() -> None:
    assert first_failed(CRASHED) == Fault(rank=5, worker=1, code=-11)
    text = explained(told(CRASHED), "cnn: warm-up", 60.0)
    assert text.startswith("crashed in cnn: warm-up, rank 5 first: SIGSEGV (segmentation fault): ")
    assert text.endswith("its last line: Fatal Python error: Segmentation fault")


def test_an_exit_code_is_that_of_the_worker() -> None:
    failed = CRASHED.replace("exitcode  : -11 (pid: 6563)  (SIGSEGV)", "exitcode  : 3 (pid: 6563)")
    text = explained(told(failed), "cnn: warm-up", 60.0)
    assert text.startswith("failed in cnn: warm-up, rank 5 first, with exit code 3; its last line: ")


def test_without_a_report_nobody_is_blamed() -> None:
    assert first_failed("") is None
    assert first_failed(CRASHED.partition("Root Cause")[0]) is None
    assert first_failed("Root Cause (first observed failure):\ncut short") is None
    assert "first" not in explained(told("Killed", code=-9), "cnn: warm-up", 60.0)


def test_the_workers_own_words_end_where_torchrun_begins() -> None:
    assert own_words(CRASHED) == "Fatal Python error: Segmentation fault"
    assert own_words("one\ntwo") == "one\ntwo"


def test_the_one_that_is_behind_is_waited_for() -> None:
    few, many = (object(),), (object(), object())
    assert behind((many, few), (False, False)) == 1
    assert behind((few, many), (False, False)) == 0
    assert behind((few, many), (True, False)) == 1
    assert behind((few, many), (True, True)) == 0
