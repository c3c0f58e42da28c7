"""What the process that watches an answer sees of it, however late it looks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import count

import pytest

from sandbox.grading.keeping import processes, watch


def test_what_an_answer_wrote_last_is_read_however_long_the_watch_stood_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipes = {name: os.pipe() for name in ("out", "err", "results", "leash", "bell")}
    order = {"output_bytes": 1000, "results_bytes": 1000}
    streams = {name: pipes[name][0] for name in ("out", "err", "results")}
    found = watch.Watch(order, 0, 0, streams, pipes["leash"][0], pipes["bell"][0])
    os.write(pipes["out"][1], b"out")
    os.write(pipes["err"][1], b"err")
    for name in ("out", "err", "results"):
        os.close(pipes[name][1])
    # The grader has let go as well.
    os.close(pipes["leash"][1])
    moment = count(step=100)
    monkeypatch.setattr("time.monotonic", lambda: float(next(moment)))
    found.drain()
    monkeypatch.undo()
    assert (found.text("out"), found.text("err"), found.text("out", "err")) == ("out", "err", "outerr")
    found.selector.close()
    for fd in (*streams.values(), pipes["leash"][0], *pipes["bell"]):
        os.close(fd)


def test_a_process_that_has_ended_takes_no_memory_and_is_none_that_was_left() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in [one.pid for one in processes.descendants(os.getpid())]
        assert processes.proportional(child.pid)
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert child.pid not in [one.pid for one in processes.descendants(os.getpid())]
        assert processes.proportional(child.pid) == 0
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            pipe.close()
    assert processes.proportional(child.pid) == 0
