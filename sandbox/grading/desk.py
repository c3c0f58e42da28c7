"""A thread that does one thing after the other, each within a time limit.

Checks talk to engines through drivers that may wait for ever. Nothing can end such a call from outside; so
it is left behind in its thread, which is a daemon, and the next thing gets a new thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class TooLong(Exception):  # noqa: N818 - says what happened
    """Something took longer than its limit and was left behind."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"It took longer than {seconds:g} seconds.")
        self.seconds = seconds


class Desk:
    """Runs callables one by one in a thread of its own: drivers with an event loop want always the same."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[Any]] | None]
        self._start()

    def _start(self) -> None:
        self._work = queue.SimpleQueue()
        threading.Thread(target=self._loop, args=(self._work,), name="grading", daemon=True).start()

    @staticmethod
    def _loop(work: queue.SimpleQueue[Any]) -> None:
        while True:
            item = work.get()
            if item is None:
                return
            function, answer = item
            try:
                answer.put((function(), None))
            except BaseException as error:  # noqa: BLE001 - it is raised where the caller waits
                answer.put((None, error))

    def do(self, function: Callable[[], T], seconds: float) -> T:
        """The result of the function; TooLong when it takes longer, its own error when it raises one."""
        answer: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        self._work.put((function, answer))
        try:
            result, error = answer.get(timeout=seconds)
        except queue.Empty:
            self._start()
            raise TooLong(seconds) from None
        if error is not None:
            raise error
        found: T = result
        return found

    def close(self) -> None:
        """End the thread when it is done."""
        self._work.put(None)
