"""The command line: wiring only. Commands parse, call the domain, and choose what to show."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from contextlib import suppress
from types import FrameType


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    # The same way out as Ctrl-C: what is half started gives up and is cleaned away.
    raise KeyboardInterrupt


def run() -> None:
    """Run the command line and exit. SIGTERM, and a terminal that is closed, end a command as Ctrl-C does."""
    from sandbox.cli.app import app

    # Python would look through all modules for garbage once more; it goes with the process anyway.
    atexit.register(gc.freeze)
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, _terminate)
    try:
        app()
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be gone
            sys.stderr.write("\nInterrupted. `sandbox down` ends what still runs; `sandbox up` goes on.\n")
            sys.stderr.flush()
        # Threads may still wait for a download: they must not hold up the person.
        os._exit(130)
    except BrokenPipeError:
        os._exit(141)
