"""The AWS CLI kept warm. Runs inside the CLI's own environment, not in ours, and imports nothing of this
project::

    python -I -S -X utf8 awscli_worker.py <folder of the CLI's packages>

A command of the CLI takes 0.4 s, nearly all of it for imports and for reading descriptions of services. Here
that is done once; each command runs in a fork, so that none leaves anything behind for the next.

Standard input has one JSON object a line, ``{"id", "argv", "cwd"}``; standard output answers each with
``{"id", "code", "out", "err"}``. Ends with its input.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
from typing import Any

LIMIT = 64_000_000
"""Bytes of output that are handed on."""


def warm_up(driver: Any, service: str, known: set[str]) -> None:
    """Read the description of a service before the fork, so that the next command finds it."""
    service = {"s3api": "s3", "ddb": "dynamodb"}.get(service, service)
    if service in known:
        return
    known.add(service)
    # An unknown service, or no region: the command itself will say so.
    with contextlib.suppress(Exception):
        driver.session.create_client(service)


def run(driver: Any, argv: list[str], cwd: str) -> tuple[int, str, str]:
    """Run one command in a fork: exit code, standard output, standard error."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                os.chdir(cwd)
                code = driver.main(argv)
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            except BaseException as problem:  # noqa: BLE001 - the parent must not run twice
                sys.stderr.write(f"{type(problem).__name__}: {problem}\n")
            finally:
                with contextlib.suppress(Exception):
                    sys.stdout.flush()
                    sys.stderr.flush()
                os._exit(code or 0)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), _text(out), _text(err)


def _text(file: Any) -> str:
    file.seek(0)
    data: bytes = file.read(LIMIT)
    return data.decode("utf-8", errors="replace")


def main() -> None:
    # Ctrl-C is for the command that runs, and for the prompt.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from awscli.clidriver import create_clidriver

    # The name that the CLI's parser puts before its errors.
    sys.argv = ["aws"]
    driver = create_clidriver()
    known: set[str] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        argv = asked["argv"]
        warm_up(driver, next((word for word in argv if not word.startswith("-")), ""), known)
        code, out, err = run(driver, argv, asked["cwd"])
        sys.stdout.write(json.dumps({"id": asked["id"], "code": code, "out": out, "err": err}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    main()
