"""The processes below this one: found, counted, ended. Standard library only."""
# No error may stop the clearing up.
# ruff: noqa: PTH110, PTH116, PTH123, PTH208, SIM105

from __future__ import annotations

import os
import resource
import signal
import time

PAGE = resource.getpagesize()
TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """One line of the process table: seconds of CPU, bytes of resident memory, threads. ``ended``: a zombie,
    or one on its way there, of which the kernel has taken back the memory already."""

    __slots__ = ("cpu", "ended", "parent", "pid", "rss", "started", "threads")

    def __init__(self, pid: int, stat: bytes) -> None:
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.pid = pid
        self.ended = fields[0] == b"Z" or fields[20] == b"0"
        self.parent = int(fields[1])
        self.cpu = (int(fields[11]) + int(fields[12])) / TICKS
        self.threads = int(fields[17])
        self.started = int(fields[19])
        self.rss = int(fields[21]) * PAGE


def processes() -> dict[int, Process]:
    """All processes of the machine by pid."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    found[int(name)] = Process(int(name), file.read())
            except (OSError, ValueError, IndexError):
                continue
    return found


def descendants(root: int, *, without: int = 0, table: list[Process] | None = None) -> list[Process]:
    """Everything below a process, what has ended left out, and what is below ``without``. Orphans are
    children of the root: it is their subreaper."""
    children: dict[int, list[Process]] = {}
    for process in processes().values() if table is None else table:
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [root]
    while waiting:
        for process in children.get(waiting.pop(), ()):
            if process.pid != without:
                found.append(process)
                waiting.append(process.pid)
    return [process for process in found if not process.ended]


def family(root: int) -> list[Process]:
    """As :func:`descendants`, read from the kernel's lists of children: far cheaper on a busy machine, and
    good enough for a watch, but it may miss one while others end."""
    found: list[Process] = []
    waiting = [root]
    try:
        while waiting:
            pid = waiting.pop()
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                    waiting += map(int, file.read().split())
            if pid != root:
                with open(f"/proc/{pid}/stat", "rb") as file:
                    found.append(Process(pid, file.read()))
    except (OSError, ValueError, IndexError):
        # One ended while we looked; or this kernel has no such lists.
        return descendants(root)
    return [process for process in found if not process.ended]


def proportional(pid: int) -> int | None:
    """Bytes of memory of a process, shared pages split among those who share them; none of one that has
    ended meanwhile; None when not told."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except ProcessLookupError:
        return 0
    except OSError:
        pass
    return None if os.path.exists(f"/proc/{pid}") else 0


def reap() -> tuple[dict[int, int], bool]:
    """Collect every dead child: their statuses by pid, and whether there are others. When there is none,
    then nothing at all is below this process, which is the subreaper of everything that it started."""
    dead: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return dead, False
        if pid == 0:
            return dead, True
        dead[pid] = status


def signal_all(found: list[Process], number: int) -> None:
    for process in found:
        try:
            os.kill(process.pid, number)
        except OSError:
            continue


def end_all(uid: int | None, ours: int) -> tuple[dict[int, int], int]:
    """End everything below this process. Those of a user id that only the answer has go by one call; of
    others first all are stopped, until a look finds no new one: a stopped process cannot fork, so that the
    kill meets them all. Returns statuses by pid and how many there were, without those below ``ours``."""
    dead: dict[int, int] = {}
    seen: set[int] = set()
    foreign: set[int] = set()
    own: set[int] = set()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        more, others = reap()
        dead.update(more)
        if not others:
            break
        found = descendants(os.getpid())
        theirs = {process.pid for process in descendants(os.getpid(), without=ours, table=found)}
        # What was below ours stays ours when that one is gone before it, and it hangs below us.
        own.update(process.pid for process in found if process.pid not in theirs)
        foreign |= theirs - own
        fresh = [process for process in found if process.pid not in seen]
        seen.update(process.pid for process in fresh)
        if uid is not None and found:
            kill_user(uid)
        elif fresh:
            signal_all(fresh, signal.SIGSTOP)
            continue
        signal_all(found, signal.SIGKILL)
        time.sleep(0.002)
    return dead, len(foreign)


def kill_user(uid: int) -> None:
    """End all processes of a user id that only the answer has, in one call that no fork can outrun."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)
        except OSError:
            pass
        os._exit(0)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass


def tasks_of(uid: int) -> int:
    """Tasks that a user runs now on the whole machine."""
    count = 0
    for pid, process in processes().items():
        try:
            if os.stat(f"/proc/{pid}").st_uid == uid:
                count += process.threads
        except OSError:
            continue
    return count
