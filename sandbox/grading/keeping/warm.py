"""A process that has imported what answers need, and forks for each of them.

It is given nothing that is secret: orders, which have the learner's passwords, are read by the fork. Each
answer gets a fork of its own, so that none leaves anything behind for the next.

Its standard input is a Unix socket (SEQPACKET) held by the process that grades; a message there is one line
of JSON, what to have ready, with three descriptors: standard input, output and error of a keeper
(:mod:`.keeper`), which is forked at once and whose pid is the reply. The process ends with the socket.
"""
# ruff: noqa: BLE001, S112

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback

from . import confine, inside, keeper, landlock, namespaces, pages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# What a fork would otherwise import for itself, each time.
_AT_HAND = (confine, inside, landlock, namespaces)


class Warm:
    """What is warm here: our Python's modules. :class:`.commands.WarmCli` has the AWS CLI as well."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def prepare(self, what: dict[str, Any]) -> None:
        """Import the modules named; nothing is wrong with one that is not there."""
        fresh = [name for name in what.get("modules", ()) if name not in self._known]
        for name in fresh:
            self._known.add(name)
            try:
                importlib.import_module(name)
            except Exception:
                continue
        if fresh:
            settle()

    def serve_commands(self, *, close: int) -> int:
        """Fork the process that runs commands for the answer; its pid."""
        raise NotImplementedError


def settle() -> None:
    """After an import: forks share what is there, instead of copying it to look for garbage, and cheaply."""
    gc.collect()
    gc.freeze()
    pages.collapse()


def reap_always() -> None:
    """Collect children as they end. Unlike those that the kernel is told to forget, their processor time is
    counted in the end as this process's and its parent's."""

    def collect(*_: object) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return

    signal.signal(signal.SIGCHLD, collect)


def serve(warm: Warm) -> None:
    """Fork a keeper for each message until the socket ends."""
    control = socket.socket(fileno=0)
    reap_always()
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1 << 16, 3)
        if len(fds) != 3:
            return
        warm.prepare(json.loads(data))
        pid = os.fork()
        if pid == 0:
            control.detach()
            _be_keeper(fds, warm)
        for fd in fds:
            os.close(fd)
        control.send(b"%d" % pid)


def _be_keeper(fds: list[int], warm: Warm) -> None:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for target, fd in enumerate(fds):
            os.dup2(fd, target)
        os.closerange(3, 256)
        keeper.main(warm)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(0)
