"""The tests on real engines in several pytest processes at once: ``python -m tests.side_by_side``.

Tests wait for engines to start, and a run in one process leaves processors idle. Each part has a home,
sandboxes and ports of its own, as two people on one machine have. Its lines are printed as they come, with
the part's name before them, and what pytest says of failures once more at the end; it fails when one of the
parts does.

With words for pytest, on one processor and where memory is short it is one process, as ever."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALL = ("tests/integration", "tests/e2e")
PYTEST = (sys.executable, "-m", "pytest")
PART_MIB = 3000
"""What a part takes at most: all engines once, in Docker, and what its tests start besides."""
NO_TESTS = 5
"""Exit code of pytest that found nothing to run."""
_FAILURES = re.compile("=+ (FAILURES|ERRORS) =+$")


@dataclass(frozen=True)
class Part:
    """Some of the tests: those in ``paths`` without those in ``but``, marked ``docker`` or not."""

    name: str
    paths: tuple[str, ...]
    docker: bool
    but: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """For pytest."""
        marked = "docker" if self.docker else "not docker"
        return [*self.paths, "-m", marked, *(f"--ignore={path}" for path in self.but)]

    def holds(self, file: str) -> bool:
        """Whether a file of tests, named from the root of the project, is in it."""
        return file.startswith(self.paths) and file not in self.but


EXERCISES = "tests/integration/test_docker_exercises.py"
RING = "tests/integration/test_docker_ring.py"
PARTS = (
    # Longest first. What stands alone shares no engines with the rest of its folder.
    Part("docker", ("tests/integration",), docker=True, but=(EXERCISES, RING)),
    Part("native", ("tests/integration",), docker=False),
    Part("command", ("tests/e2e",), docker=False),
    Part("docker-exercises", (EXERCISES,), docker=True),
    Part("docker-command", ("tests/e2e",), docker=True),
    Part("docker-ring", (RING,), docker=True),
)


def at_once() -> int:
    """How many parts this machine runs at once."""
    import psutil

    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    room = int(psutil.virtual_memory().available >> 20) // PART_MIB
    return 1 if processors == 1 else max(1, min(processors + 1, room, len(PARTS)))


@dataclass(frozen=True)
class End:
    """A part's exit code, its last line, and all that it said from its first failure or error on."""

    code: int
    said: str
    failures: str = ""


class Run:
    """The parts at work. :meth:`interrupt` has them end what they started, as Ctrl-C would."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def part(self, part: Part) -> End:
        """Run a part to its end."""
        with self._lock:
            if self._stopped:
                return End(2, "not begun")
            words = [*PYTEST, "-v", *part.words(), "-o", f"cache_dir=.pytest_cache/{part.name}"]
            process = self._processes[part.name] = subprocess.Popen(
                words,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # A second Ctrl-C would end pytest before it has ended its engines: it gets one, from us.
                start_new_session=True,
            )
        last, failures, began = "", "", time.monotonic()
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                last = line.strip() or last
                if failures or _FAILURES.match(line):
                    failures += line
                print(f"{part.name:16} | {line}", end="", flush=True)
        code = process.wait()
        return End(code, f"{last.strip('= ')} ({time.monotonic() - began:.0f} s in all)", failures)

    def interrupt(self) -> None:
        """No more parts; those at work end."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            for process in self._processes.values():
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)


def run(parts: Sequence[Part], slots: int) -> int:
    """Run parts, so many at once; the exit code of all: 0 when none failed."""
    work = Run()

    def ended(_number: int, _frame: object) -> None:
        work.interrupt()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ended)
    with ThreadPoolExecutor(slots) as pool:
        ends = dict(zip(parts, pool.map(work.part, parts), strict=True))
    for part, end in ends.items():
        if end.code and end.failures:
            print(f"\n>>> {part.name}\n{end.failures}", end="")
    print()
    for part, end in ends.items():
        print(f"{part.name:16} | exit code {end.code}: {end.said}")
    codes = {end.code for end in ends.values()} - {NO_TESTS}
    return max(codes, key=abs, default=NO_TESTS) if codes != {0} else 0


def main(words: Sequence[str]) -> int:
    """As said above; ``words`` are pytest's."""
    slots = at_once()
    if words or slots == 1:
        return subprocess.run([*PYTEST, *ALL, "-v", *words], cwd=ROOT, check=False).returncode
    return run(PARTS, slots)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
