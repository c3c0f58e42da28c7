"""Runs one program under limits and leaves nothing of it behind.

Started by :mod:`sandbox.grading.limits`: one process an answer, so that it can be the subreaper of everything
the answer starts (a daemonised grandchild comes back to it) without touching the process that grades. It
reads one line of JSON, the order, from standard input and writes one line of JSON, the report, to standard
output. Standard input stays open as a leash: when it ends, because the grader let go or was killed,
everything is ended. It is a new process (``main``), or a fork of a warm one (:mod:`.warm`).

No signal of the clock is used; the watch is a select loop.

The order: ``argv env cwd folder`` (removed at the end unless ``keep``), ``results`` (whether descriptor 3
is read), ``uid`` (another user for the answer, or null), ``cover`` and ``show`` (see
:func:`.confine.make_view`), ``view`` (see :mod:`.namespaces`, or null), ``fence`` (see
:func:`.landlock.fence`, or null), and the limits ``seconds cpu_seconds memory_bytes processes file_bytes
disk_bytes output_bytes results_bytes nice``. For a warm one also ``inside`` (what of Python to run without a
new interpreter, see :func:`.inside.run`) and ``commands`` (whether to serve the AWS CLI to the answer, see
:mod:`.commands`).
"""
# It must start in some 20 ms, hence os and open instead of pathlib.
# ruff: noqa: S606

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time

from . import confine, namespaces
from .folders import OPEN, SHARED, remove, sweep
from .processes import end_all
from .watch import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .warm import Warm

RESULTS_FD = 3


def start(order: dict[str, Any], writers: dict[str, int], warm: Warm | None) -> int:
    """Fork the answer. In the child: own session, limits, user, folder; then become the program.

    What is written to ``writers["word"]`` before it closes: why it could not start, or the pid of the
    process that serves commands to it."""
    pid = os.fork()
    if pid:
        return pid
    word = writers["word"]
    try:
        signal.set_wakeup_fd(-1)
        for name in ("CHLD", "INT", "HUP", "TERM", "PIPE", "XFSZ"):
            signal.signal(signal.Signals["SIG" + name], signal.SIG_DFL)
        if order["view"] is not None:
            others = [writers[name] for name in ("out", "err", "results")]
            word = namespaces.first(order["view"], word, writers["told"], others)
        os.setsid()
        confine.die_with_parent()
        null = os.open(os.devnull, os.O_RDONLY)
        # Away from 0..3 first, so that none is overwritten before it is copied. All but the targets of dup2
        # close when the program starts.
        high = [null, writers["out"], writers["err"], writers["results"], word]
        while min(high) <= RESULTS_FD:
            high = [os.dup(fd) for fd in high]
        word = high[4]
        targets = RESULTS_FD + 1 if order["results"] else RESULTS_FD
        for target, fd in enumerate(high[:targets]):
            os.dup2(fd, target)
        os.closerange(targets, word)
        os.closerange(word + 1, 64)
        confine.confine(order)
        os.chdir(order["cwd"])
        if warm is not None and order.get("commands"):
            os.write(word, b"%d\n" % warm.serve_commands(close=word))
        if warm is not None and order.get("inside"):
            from . import inside

            os.close(word)
            inside.run(order["inside"], order["env"])
        os.execvpe(order["argv"][0], order["argv"], order["env"])
    except BaseException as error:  # noqa: BLE001 - the parent must not run twice
        os.write(word, f"{type(error).__name__}: {error}".encode())
    os._exit(127)


def end_namespace(first: int, statuses: dict[int, int], told: int) -> tuple[int, int]:
    """End process 1 of an answer's namespace, and so all in it. Returns the answer's status and how many
    processes it left, as process 1 has told, or else process 1's own status."""
    if first not in statuses:
        os.kill(first, signal.SIGKILL)
        statuses[first] = os.waitpid(first, 0)[1]
    with os.fdopen(told, "rb") as file:
        words = file.read().split()
    return (int(words[0]), int(words[1])) if words else (statuses[first], 0)


def processor_seconds() -> float:
    """Processor time of all that this process started and that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def keep(order: dict[str, Any], warm: Warm | None = None) -> dict[str, Any]:
    """Run the order and say how it ended."""
    if os.geteuid() == 0 and not order["uid"]:
        # The kernel limits the number of processes of every user but root. A watch alone is too slow: a fork
        # bomb that nothing bounds fills the process table of the whole machine before it can be ended.
        raise PermissionError("answers are not run as root")
    if order["view"] is not None:
        try:
            namespaces.unshare()
        except OSError as error:
            return {"end": "cannot-start", "failure": str(error)}
    confine.become_subreaper()
    bell, ring = os.pipe()
    for fd in (bell, ring):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the leash says when to end

    pipes = {name: os.pipe() for name in ("out", "err", "results", "word", "told")}
    pid = start(order, {name: write for name, (_, write) in pipes.items()}, warm)
    for _, write in pipes.values():
        os.close(write)
    with os.fdopen(pipes["word"][0], "rb") as file:
        word = file.read().decode("utf-8", "replace")
    first, _, failure = word.rpartition("\n")
    helper = int(first or 0)
    streams = {name: read for name, (read, _) in pipes.items() if name not in ("word", "told")}
    root = os.getpid() if order["view"] is None else pid
    watch = Watch(order, pid, root, streams, sys.stdin.fileno(), bell)
    why = "cannot-start" if failure else watch.run()
    seconds = time.monotonic() - watch.began
    if order["view"] is None:
        dead, left = end_all(order["uid"], helper)
        watch.statuses.update(dead)
    else:
        watch.statuses[pid], left = end_namespace(pid, watch.statuses, pipes["told"][0])
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
        "cpu_seconds": round(max(watch.cpu, processor_seconds()), 3),
        "peak_bytes": watch.peak,
        "left": left if why in ("exited", "signalled") else 0,
        "output": watch.text("out"),
        "errors": watch.text("err"),
        "shown": watch.text("out", "err"),
        "results": watch.text("results"),
        "results_cut": watch.results_cut,
    }


def main(warm: Warm | None = None) -> None:
    """Read the order, run it, report."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 65536)
        if not byte:
            return
        line += byte
    order = json.loads(line)
    try:
        report = keep(order, warm)
    finally:
        if not order["keep"]:
            remove(order["folder"])
        if order["uid"] is not None:
            # Behind the fence nothing can be made in the others.
            sweep(order["uid"], OPEN if order["fence"] is None else SHARED)
    with os.fdopen(1, "wb", closefd=False) as file:
        file.write(json.dumps(report).encode() + b"\n")
