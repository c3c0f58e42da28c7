"""Runs one program under limits and leaves nothing of it behind. A script of its own, standard library only.

Started by :mod:`sandbox.grading.limits` as ``python -I -S keeper.py``: one process an answer, so that it
can be the subreaper of everything the answer starts (a daemonised grandchild comes back to it) without
touching the process that grades. It reads one line of JSON, the order, from standard input and writes one
line of JSON, the report, to standard output. Standard input stays open as a leash: when it ends, because
the grader let go or was killed, everything is ended.

No signal of the clock is used; the watch is a select loop.

The order: ``argv env cwd folder`` (removed at the end), ``results`` (whether descriptor 3 is read), ``uid``
(another user for the answer, or null), ``cover`` and ``show`` (see :func:`make_view`), and the limits
``seconds cpu_seconds memory_bytes processes file_bytes disk_bytes output_bytes results_bytes nice``.
"""
# It must start in some 20 ms, hence os and open instead of pathlib; and no error may stop the clearing up.
# ruff: noqa: PTH103, PTH108, PTH116, PTH123, PTH208, S108, S606, SIM105, BLE001

from __future__ import annotations

import ctypes
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
PAGE = resource.getpagesize()
TICKS = os.sysconf("SC_CLK_TCK")
RESULTS_FD = 3
CLONE_NEWNS = 0x20000
MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18


def prctl(option: int, value: int) -> bool:
    """One call of prctl(2); False where there is none."""
    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


class Process:
    """One line of the process table: seconds of CPU, bytes of resident memory, threads."""

    __slots__ = ("cpu", "parent", "pid", "rss", "started", "threads", "zombie")

    def __init__(self, pid: int, stat: bytes) -> None:
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.pid = pid
        self.zombie = fields[0] == b"Z"
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


def descendants(root: int) -> list[Process]:
    """Everything below a process, zombies left out. Its orphans are its children: it is their subreaper."""
    table = processes()
    children: dict[int, list[Process]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [root]
    while waiting:
        for process in children.get(waiting.pop(), ()):
            found.append(process)
            waiting.append(process.pid)
    return [process for process in found if not process.zombie]


def proportional(pid: int) -> int | None:
    """Bytes of memory of a process, shared pages split among those who share them; None when not told."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def reap() -> dict[int, int]:
    """Collect every dead child; their statuses by pid."""
    dead: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return dead
        if pid == 0:
            return dead
        dead[pid] = status


def signal_all(found: list[Process], number: int) -> None:
    for process in found:
        try:
            os.kill(process.pid, number)
        except OSError:
            continue


def end_all(uid: int | None) -> tuple[dict[int, int], int]:
    """End everything below this process. First all are stopped, until a look finds no new one: a stopped
    process cannot fork, so that the kill meets them all. Returns statuses by pid and how many there were."""
    dead: dict[int, int] = {}
    seen: set[int] = set()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = descendants(os.getpid())
        if uid is not None and found:
            kill_user(uid)
        fresh = [process for process in found if process.pid not in seen]
        seen.update(process.pid for process in fresh)
        if fresh:
            signal_all(fresh, signal.SIGSTOP)
            continue
        signal_all(found, signal.SIGKILL)
        dead.update(reap())
        if not found:
            break
        time.sleep(0.002)
    dead.update(reap())
    return dead, len(seen)


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


def make_view(cover: list[str], show: list[str]) -> None:
    """In a mount namespace of this process, put an empty folder over each of ``cover``, which only root may
    enter, and in it again, read-only, those paths of ``show`` that lie below it."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
        encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
        if libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), target)

    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "no mount namespace")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    sources = {path: os.open(path, os.O_PATH) for path in show}
    for folder in cover:
        mount("none", folder, "tmpfs", MS_NOSUID, "mode=0755,size=64k")
    for path, fd in sources.items():
        if not any(path.startswith(folder + "/") for folder in cover):
            continue
        os.makedirs(path, mode=0o755, exist_ok=True)
        mount(f"/proc/self/fd/{fd}", path, None, MS_BIND | MS_REC)
        mount(None, path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID)
    for folder in cover:
        mount(None, folder, None, MS_REMOUNT | MS_RDONLY | MS_NOSUID, "mode=0755,size=64k")


def set_limits(order: dict[str, Any]) -> None:
    def put(which: int, soft: int, hard: int | None = None) -> None:
        hard = soft if hard is None else hard
        _, ceiling = resource.getrlimit(which)
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(which, (soft, hard))

    put(resource.RLIMIT_CORE, 0)
    put(resource.RLIMIT_CPU, int(order["cpu_seconds"]) + 1, int(order["cpu_seconds"]) + 2)
    put(resource.RLIMIT_FSIZE, order["file_bytes"])
    put(resource.RLIMIT_NOFILE, 1024)
    # DATA and not AS: virtual machines reserve far more address space than they ever write to.
    put(resource.RLIMIT_DATA, order["memory_bytes"])
    if order["uid"] is not None:
        # Twice what the watch allows: the watch shall say why, this only holds a bomb until it looks.
        put(resource.RLIMIT_NPROC, 2 * order["processes"])
    else:
        # It counts all tasks of the user, those outside the answer too.
        put(resource.RLIMIT_NPROC, 2 * order["processes"] + tasks_of(os.geteuid()))


def start(order: dict[str, Any], out: int, err: int, results: int, failure: int) -> int:
    """Fork the answer. In the child: own session, limits, user, folder; then become the program."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        null = os.open(os.devnull, os.O_RDONLY)
        # Away from 0..3 first, so that none is overwritten before it is copied. All but the targets of dup2
        # close when the program starts.
        high = [null, out, err, results, failure]
        while min(high) <= RESULTS_FD:
            high = [os.dup(fd) for fd in high]
        failure = high[4]
        for target, fd in enumerate(high[: RESULTS_FD + 1 if order["results"] else RESULTS_FD]):
            os.dup2(fd, target)
        if order["cover"]:
            os.umask(0o022)
            make_view(order["cover"], order["show"])
        os.umask(0o077)
        os.nice(order["nice"])
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        set_limits(order)
        if order["uid"] is not None:
            os.setgroups([])
            os.setresgid(order["uid"], order["uid"], order["uid"])
            os.setresuid(order["uid"], order["uid"], order["uid"])
            # Changing the user clears it.
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        os.chdir(order["cwd"])
        os.execvpe(order["argv"][0], order["argv"], order["env"])
    except BaseException as error:
        os.write(failure, f"{type(error).__name__}: {error}".encode())
    os._exit(127)


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
    """The select loop: reads what the answer writes and looks at what it takes until it ends."""

    def __init__(
        self, order: dict[str, Any], pid: int, streams: dict[str, int], leash: int, bell: int
    ) -> None:
        self.order, self.pid = order, pid
        self.chunks: list[tuple[str, bytes]] = []  # stream and what came, in the order of arrival
        self.sizes = {"out": 0, "err": 0, "results": 0}
        self.results_cut = False
        self.peak = 0
        self.cpu = 0.0
        self.cpu_by_process: dict[tuple[int, int], float] = {}
        self.began = time.monotonic()
        self.statuses: dict[int, int] = {}
        self.selector = selectors.DefaultSelector()
        self.open = 0
        for name, fd in streams.items():
            os.set_blocking(fd, False)
            self.selector.register(fd, selectors.EVENT_READ, name)
            self.open += 1
        self.selector.register(leash, selectors.EVENT_READ, "leash")
        self.selector.register(bell, selectors.EVENT_READ, "bell")

    def run(self) -> str:
        """Until the answer ended or broke a limit; says which: ``exited``, ``time``, ``memory`` ..."""
        next_look, next_disk = 0.0, 0.25
        while True:
            why = self.read(0.05)
            self.statuses.update(reap())
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
            if key.data == "bell":
                os.read(key.fd, 4096)
                continue
            try:
                data = os.read(key.fd, 65536)
            except BlockingIOError:
                continue
            if key.data == "leash":
                if not data:
                    return "cancelled"
                continue
            if not data:
                self.selector.unregister(key.fd)
                self.open -= 1
                continue
            why = self.keep(key.data, data)
            if why:
                return why
        return ""

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
        found = descendants(os.getpid())
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
            for process in descendants(os.getpid()):
                share = proportional(process.pid)
                total += process.rss if share is None else share
            least = min(least, total)
            if least <= self.order["memory_bytes"]:
                break
            time.sleep(0.01)
        return least

    def drain(self) -> None:
        """What is still in the pipes once every writer is dead."""
        until = time.monotonic() + 1
        while self.open and time.monotonic() < until:
            if self.read(0.05) == "output":
                return

    def text(self, *streams: str) -> str:
        return b"".join(data for name, data in self.chunks if name in streams).decode("utf-8", "replace")


def remove(folder: str) -> None:
    """Remove the answer's folder, whatever it made of it: very deep, or closed to its owner."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        pass
    if os.path.lexists(folder):
        subprocess.run(["chmod", "-R", "u+rwX", folder], check=False, capture_output=True)
        subprocess.run(["rm", "-rf", "--", folder], check=False, capture_output=True)


def sweep(uid: int) -> None:
    """Remove what a user id that only this answer had left in the folders open to all."""
    for place in ("/dev/shm", "/tmp", "/var/tmp"):
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.stat(follow_symlinks=False).st_uid != uid:
                    continue
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                remove(entry.path)
            else:
                try:
                    os.unlink(entry.path)
                except OSError:
                    continue


def keep(order: dict[str, Any]) -> dict[str, Any]:
    """Run the order and say how it ended."""
    if os.geteuid() == 0 and not order["uid"]:
        # The kernel limits the number of processes of every user but root. A watch alone is too slow: a fork
        # bomb that nothing bounds fills the process table of the whole machine before it can be ended.
        raise PermissionError("answers are not run as root")
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    bell, ring = os.pipe()
    for fd in (bell, ring):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the leash says when to end

    pipes = {name: os.pipe() for name in ("out", "err", "results", "failure")}
    pid = start(order, *(write for _, write in pipes.values()))
    for _, write in pipes.values():
        os.close(write)
    with os.fdopen(pipes["failure"][0], "rb") as file:
        failure = file.read().decode("utf-8", "replace")
    streams = {name: read for name, (read, _) in pipes.items() if name != "failure"}
    watch = Watch(order, pid, streams, sys.stdin.fileno(), bell)
    why = "cannot-start" if failure else watch.run()
    seconds = time.monotonic() - watch.began
    dead, left = end_all(order["uid"])
    watch.statuses.update(dead)
    watch.drain()
    status = watch.statuses.get(pid, 0)
    if why == "exited" and os.WIFSIGNALED(status):
        ended_by = os.WTERMSIG(status)
        why = "cpu" if ended_by == signal.SIGXCPU else "disk" if ended_by == signal.SIGXFSZ else "signalled"
    return {
        "end": why,
        "failure": failure,
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(watch.cpu, 2),
        "peak_bytes": watch.peak,
        "left": left if why in ("exited", "signalled") else 0,
        "output": watch.text("out"),
        "errors": watch.text("err"),
        "shown": watch.text("out", "err"),
        "results": watch.text("results"),
        "results_cut": watch.results_cut,
    }


def main() -> None:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 65536)
        if not byte:
            return
        line += byte
    order = json.loads(line)
    try:
        report = keep(order)
    finally:
        remove(order["folder"])
        if order["uid"] is not None:
            sweep(order["uid"])
    with os.fdopen(1, "wb", closefd=False) as file:
        file.write(json.dumps(report).encode() + b"\n")


if __name__ == "__main__":
    main()
