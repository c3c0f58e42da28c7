"""Runs Python in a fork of a warm interpreter as if the interpreter had been started for it."""
# ruff: noqa: PTH120, PTH123, BLE001, S110, S102

from __future__ import annotations

import atexit
import builtins
import gc
import importlib
import os
import signal
import sys
import threading
import time
import types
from importlib.machinery import SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

PATH = list(sys.path[1:])
"""Where an interpreter started for it would look for modules, but for the folder of the program."""


def run(what: dict[str, Any], env: dict[str, str]) -> NoReturn:
    """Be the program, to the end of the process.

    ``{"file": path}`` is ``python path``; ``{"module": name, "argv": [...]}`` is ``python -P -m name argv``
    for a module whose ``main(argv)`` gives the exit code."""
    code = 70
    try:
        os.environ.clear()
        os.environ.update(env)
        time.tzset()
        tempfile = sys.modules.get("tempfile")
        if tempfile is not None:
            tempfile.tempdir = None  # type: ignore[attr-defined]
        # What Python itself does when it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        code = _exit_code(lambda: _file(what["file"]) if "file" in what else _module(what))
        code = _end(code)
    finally:
        os._exit(code)


def _file(path: str) -> None:
    sys.argv = [path]
    sys.path[:] = [os.path.dirname(path), *PATH]
    main = types.ModuleType("__main__")
    main.__dict__.update(
        __file__=path, __builtins__=builtins, __cached__=None, __loader__=SourceFileLoader("__main__", path)
    )
    sys.modules["__main__"] = main
    with open(path, "rb") as file:
        source = file.read()
    exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)


def _module(what: dict[str, Any]) -> None:
    # Ours, which ends soon: looking for garbage every 700 objects would only touch memory that is shared.
    gc.set_threshold(50_000)
    sys.argv = [what["module"], *what["argv"]]
    sys.path[:] = PATH
    sys.exit(importlib.import_module(what["module"]).main(what["argv"]))


def _exit_code(program: Any) -> int:
    try:
        program()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException as error:
        # Without the frames of this file, which a learner has not written.
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return 1
    return 0


def _end(code: int) -> int:
    """What the interpreter does when it ends, without taking down what was warm: waits for threads, runs what
    was registered, lets go of the program's own things (an open file is written out), flushes."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:
        pass
    main = sys.modules.get("__main__")
    if main is not None:
        for name in list(vars(main)):
            if name != "__builtins__":
                vars(main)[name] = None
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            code = 120
    return code
