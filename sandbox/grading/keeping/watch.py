"""Reads what an answer writes and looks at what it takes, until it ends or breaks a limit."""

from __future__ import annotations

import os
import selectors
import sys
import time

from .processes import descendants, family, proportional, reap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def tree_size(folder: str, most: int) -> int:
    """Bytes of all files below a folder, counting stops at ``most``; at most 20,000 entries are looked at."""
    total, looked, waiting = 0, 0, [folder]
    while waiting and total <= most and looked < 20_000:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    looked += 1
                    try:
                        stat = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    total += stat.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue
    return total


class Watch:
    """The select loop: reads what the answer writes and looks at what it takes until ``pid`` ends. All that
    counts is below ``root``."""

    def __init__(
        self, order: dict[str, Any], pid: int, root: int, streams: dict[str, int], leash: int, bell: int
    ) -> None:
        self.order, self.pid, self.root = order, pid, root
        self.chunks: list[tuple[str, bytes]] = []  # stream and what came, in the order of arrival
        self.sizes = {"out": 0, "err": 0, "results": 0}
        self.results_cut = False
        self.peak = 0
        self.cpu = 0.0
        self.cpu_by_process: dict[tuple[int, int], float] = {}
        self.began = time.monotonic()
        self.statuses: dict[int, int] = {}
        self.selector = selectors.DefaultSelector()
        for name, fd in streams.items():
            os.set_blocking(fd, False)
            self.selector.register(fd, selectors.EVENT_READ, name)
        self.others = (leash, bell)
        self.selector.register(leash, selectors.EVENT_READ, "leash")
        self.selector.register(bell, selectors.EVENT_READ, "bell")

    def run(self) -> str:
        """Until the answer ended or broke a limit; says which: ``exited``, ``time``, ``memory`` ..."""
        next_look, next_disk = 0.0, 0.25
        while True:
            why = self.read(0.05)
            self.statuses.update(reap()[0])
            if why:
                return why
            if self.pid in self.statuses:
                return "exited"
            elapsed = time.monotonic() - self.began
            if elapsed > self.order["seconds"]:
                return "time"
            if elapsed >= next_look:
                why = self.look()
                if why:
                    return why
                next_look = elapsed + (0.04 if elapsed < 2 else 0.1)
            if elapsed >= next_disk:
                if tree_size(self.order["folder"], self.order["disk_bytes"]) > self.order["disk_bytes"]:
                    return "disk"
                next_disk = elapsed + 0.25

    def read(self, timeout: float) -> str:
        for key, _ in self.selector.select(timeout):
            why = self.take(key)
            if why:
                return why
        return ""

    def take(self, key: selectors.SelectorKey) -> str:
        if key.data == "bell":
            os.read(key.fd, 4096)
            return ""
        try:
            data = os.read(key.fd, 65536)
        except BlockingIOError:
            return ""
        if key.data == "leash":
            return "" if data else "cancelled"
        if not data:
            self.selector.unregister(key.fd)
            return ""
        return self.keep(key.data, data)

    def keep(self, stream: str, data: bytes) -> str:
        if stream == "results":
            room = self.order["results_bytes"] - self.sizes["results"]
            self.results_cut = self.results_cut or len(data) > room
            self.sizes["results"] += len(data[:room])
            self.chunks.append((stream, data[: max(room, 0)]))
            return ""
        room = self.order["output_bytes"] - self.sizes["out"] - self.sizes["err"]
        self.sizes[stream] += len(data[:room])
        self.chunks.append((stream, data[: max(room, 0)]))
        return "output" if len(data) > room else ""

    def look(self) -> str:
        found = family(self.root)
        tasks = sum(process.threads for process in found)
        resident = sum(process.rss for process in found)
        for process in found:
            self.cpu_by_process[process.pid, process.started] = process.cpu
        self.cpu = sum(self.cpu_by_process.values())
        if tasks > self.order["processes"]:
            return "processes"
        if self.cpu > self.order["cpu_seconds"]:
            return "cpu"
        if resident > self.order["memory_bytes"]:
            resident = self.exactly()
        self.peak = max(self.peak, resident)
        return "memory" if resident > self.order["memory_bytes"] else ""

    def exactly(self) -> int:
        """Bytes of memory with shared pages split among those who share them, which takes longer to ask for.
        Processes are asked one after the other, and one that forks meanwhile makes the sum too large: of
        three looks the smallest counts."""
        least = sys.maxsize
        for _ in range(3):
            total = 0
            for process in descendants(self.root):
                share = proportional(process.pid)
                total += process.rss if share is None else share
            least = min(least, total)
            if least <= self.order["memory_bytes"]:
                break
            time.sleep(0.01)
        return least

    def drain(self) -> None:
        """What is still in the pipes once every writer is dead. It is there already: no clock says when to
        give up, for on a busy machine this process may stand still just here."""
        for fd in self.others:
            self.selector.unregister(fd)
        while found := self.selector.select(0):
            if any(self.take(key) for key, _ in found):
                return

    def text(self, *streams: str) -> str:
        return b"".join(data for name, data in self.chunks if name in streams).decode("utf-8", "replace")
