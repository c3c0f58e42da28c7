"""Namespaces that are ready before anybody asks for them, made behind the tests."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from sandbox.namespaces.background import Background


class Ahead:
    """Names of namespaces that are ready, and how many are about to be; empty and loaded ones apart."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self.change = threading.Condition()
        """Held while what is here changes."""
        self._ready: dict[bool, deque[str]] = {False: deque(), True: deque()}
        self._coming = {False: 0, True: 0}

    def take(self, loaded: bool, *, unless: Callable[[], bool] = lambda: False) -> str:
        """One that is ready. One that is about to be is waited for, since it is begun already, ``unless``
        there is something better to do; "" when there is none."""
        with self.change:
            while not self._ready[loaded] and self._coming[loaded] and not unless():
                self.change.wait()
            return self._ready[loaded].popleft() if self._ready[loaded] else ""

    def ready(self, loaded: bool) -> int:
        """How many are ready."""
        return len(self._ready[loaded])

    def count(self, loaded: bool) -> int:
        """How many are ready or about to be."""
        return len(self._ready[loaded]) + self._coming[loaded]

    def order(
        self, loaded: bool, make: Callable[[], str], *, most: int, soon: bool = True, used: int = 0
    ) -> None:
        """Have one more made in the background, unless with those in use there are as many as are wanted."""
        with self.change:
            if used + self.count(loaded) >= most:
                return
            self.announce(loaded, 1)
        self._background.do(lambda: self.finish(loaded, make), soon=soon)

    def announce(self, loaded: bool, number: int) -> None:
        """So many more are about to be ready."""
        with self.change:
            self._coming[loaded] += number

    def finish(self, loaded: bool, make: Callable[[], str]) -> None:
        """In the background: make an announced one. When that fails, whoever waits makes his own."""
        name = ""
        with suppress(Exception):
            name = make()
        with self.change:
            self._coming[loaded] -= 1
            if name:
                self._ready[loaded].append(name)
            self.change.notify_all()
