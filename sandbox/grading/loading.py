"""Loads an exercise's ``check.py`` in a module namespace of its own."""

from __future__ import annotations

import ast
import re
import sys
import threading
import types
from collections import Counter
from pathlib import Path

from sandbox.errors import UsageError
from sandbox.grading.exercise import Checks
from sandbox.grading.model import Check

_ONE_TREE = threading.Lock()
_FUNCTION = re.compile(r"^(?:async[\s\\]+)?def[\s\\]+(\w+)", re.MULTILINE)
"""Every function of a module in ASCII, and what looks like one in a text."""


def load_check_file(path: Path, exercise_id: str) -> Checks:
    """Run ``check.py`` and collect its checks; UsageError naming file and line when that fails.

    The source is compiled here and not imported, so that no ``__pycache__`` appears in the exercise's
    folder and two exercises never share a module."""
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _broken(path, None, str(error)) from error
    module = types.ModuleType("sandbox_check_" + "".join(c if c.isalnum() else "_" for c in exercise_id))
    module.__file__ = str(path)
    # dataclasses and typing look their module up by name; a name of its own keeps exercises apart.
    sys.modules[module.__name__] = module
    try:
        _refuse_repeated_names(path, source)
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - shipped with the product
    except UsageError:
        raise
    except SyntaxError as error:
        raise _broken(path, error.lineno, error.msg) from error
    except Exception as error:
        raise _broken(path, _line(error, path), f"{type(error).__name__}: {error}") from error
    found = {
        id(value): value.__sandbox_check__
        for value in vars(module).values()
        if isinstance(getattr(value, "__sandbox_check__", None), Check)
    }
    checks = sorted(found.values(), key=lambda c: c.function.__code__.co_firstlineno)
    if not checks:
        raise _broken(path, None, "It holds no function marked with @check(points=...).")
    for name, count in Counter(c.id for c in checks).items():
        if count > 1:
            raise _broken(path, None, f"{count} checks have the id {name!r}.")
    hooks = {name: getattr(module, name, None) for name in ("prepare", "between", "crash")}
    return Checks(tuple(checks), **{name: hook for name, hook in hooks.items() if callable(hook)})


def _refuse_repeated_names(path: Path, source: str) -> None:
    # A second function of the same name would silently replace the first, and its points with it.
    names = _FUNCTION.findall(source)
    if source.isascii() and len(set(names)) == len(names):
        return
    # Perhaps in a text only: the tree knows. To make one takes as long as all the rest.
    # Lanes load side by side, and CPython before 3.11.8 counts the depth of trees for all threads
    # together: two at once end in a SystemError now and then (python/cpython#106905).
    with _ONE_TREE:
        tree = ast.parse(source, str(path))
    seen: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name in seen:
                raise _broken(
                    path, node.lineno, f"A second function {node.name!r}: ids of checks are unique."
                )
            seen.add(node.name)


def _line(error: Exception, path: Path) -> int | None:
    trace = error.__traceback__
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _broken(path: Path, line: int | None, detail: str) -> UsageError:
    where = f"{path}:{line}" if line else str(path)
    return UsageError(f"The checks in {where} cannot be loaded.", code="malformed-exercise", detail=detail)
