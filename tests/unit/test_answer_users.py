"""User ids for answers: one under which nothing runs, and nobody else's."""

from __future__ import annotations

import os
import subprocess

import pytest

from sandbox.errors import EnvironmentRefusedError
from sandbox.grading import limits

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give an answer another user")

TAKEN, FREE = 60790, 60791
"""None of those that answers have, for on this machine some may run just now."""


def test_an_answer_gets_no_user_under_whom_a_process_runs_or_was_not_collected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "_UIDS", range(TAKEN, FREE + 1))
    isolation = limits.Isolation(user=True)
    running = subprocess.Popen(["/bin/sleep", "600"], user=TAKEN)
    try:
        for _ in range(8):
            with limits._user(isolation) as uid:
                assert uid == FREE
        running.kill()
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        for _ in range(8):
            with limits._user(isolation) as uid:
                assert uid == FREE
    finally:
        running.kill()
        running.wait()
    monkeypatch.setattr(limits, "_UIDS", range(TAKEN, TAKEN + 1))
    with limits._user(isolation) as uid:
        assert uid == TAKEN


def test_two_answers_at_once_never_have_the_same_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_UIDS", range(TAKEN, FREE + 1))
    isolation = limits.Isolation(user=True)
    with limits._user(isolation) as one, limits._user(isolation) as other:
        assert {one, other} == {TAKEN, FREE}
        with pytest.raises(EnvironmentRefusedError), limits._user(isolation):
            pass
