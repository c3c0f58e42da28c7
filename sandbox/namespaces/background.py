"""A thread that does one thing after the other, and never keeps its process from ending."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

_PATIENT = 8
"""So many jobs without haste may wait for those that somebody waits for."""


class Background:
    """Runs callables, which raise nothing; its thread begins with the first."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._soon: deque[Callable[[], None]] = deque()
        self._later: deque[Callable[[], None]] = deque()
        self._thread: threading.Thread | None = None
        self.ending = False

    def do(self, job: Callable[[], None], *, soon: bool) -> None:
        """Have it done: ``soon`` before what nobody waits for."""
        with self._change:
            (self._soon if soon else self._later).append(job)
            if self._thread is None:
                # A daemon, and no executor: the interpreter would wait for its threads.
                self._thread = threading.Thread(target=self._run, name="namespaces", daemon=True)
                self._thread.start()
            self._change.notify()

    def is_current(self) -> bool:
        """Whether the caller is one of the jobs."""
        return threading.current_thread() is self._thread

    def end(self, seconds: float) -> bool:
        """Begin no further job, and wait for the one at work; false when it takes longer."""
        with self._change:
            self.ending = True
            self._change.notify()
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._change:
                while not (self._soon or self._later or self.ending):
                    self._change.wait()
                if self.ending:
                    return
                first = self._soon if self._soon and len(self._later) <= _PATIENT else self._later
                job = (first or self._soon).popleft()
            job()
