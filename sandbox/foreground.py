"""A program run in our place, while we wait to clean up after it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

PASSED_ON = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_BY_KERNEL = 0x80
"""``si_code`` of a signal that no process sent: SI_KERNEL of <asm-generic/siginfo.h>. So come those of a
terminal, which gives them to our child as well, since it is of our process group."""
_LOOK_EVERY = 0.5


def run(program: str, argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program to its end; its exit code, or 128 + n when signal n ended it.

    It has our terminal, our files and our process group, so that Ctrl-C and Ctrl-Z reach it as they would
    without us. Signals that are sent to us alone are passed on. OSError when it cannot be started. To be
    called from the main thread."""
    heard = [s for s in PASSED_ON if signal.getsignal(s) is not signal.SIG_IGN]  # as under nohup
    pid, early = 0, []

    def pass_on(number: int, _frame: FrameType | None = None) -> None:
        if not pid:
            early.append(number)
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, *heard})
    try:
        # A thread that somebody left may take a signal in spite of the mask: then its handler is called. It
        # is there before the program: others may know of that one before we go on.
        with _handlers(heard, pass_on):
            pid = os.posix_spawn(program, list(argv), dict(environment), setsigmask=before)
            for number in early:
                pass_on(number)
            while True:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    break
                sent = signal.sigtimedwait({signal.SIGCHLD, *heard}, _LOOK_EVERY)
                if sent and sent.si_signo != signal.SIGCHLD and sent.si_code != _BY_KERNEL:
                    pass_on(sent.si_signo)
            # What came too late to be passed on must not hit us when the mask is lifted.
            while signal.sigtimedwait({signal.SIGCHLD, *heard}, 0):
                pass
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


@contextmanager
def deaf() -> Iterator[None]:
    """Let nothing but SIGKILL interrupt what is done meanwhile. To be used in the main thread."""
    with _handlers([s for s in PASSED_ON if signal.getsignal(s) is not signal.SIG_IGN], lambda *_: None):
        yield


@contextmanager
def _handlers(numbers: Sequence[signal.Signals], handler: signal._HANDLER) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
