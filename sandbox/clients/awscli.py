"""``aws ...`` commands as the course's pages print them, run by the real AWS CLI.

The CLI pins versions that we do not, so it lives in an environment of its own; a process there
(:mod:`.awscli_worker`) keeps it warm, and a command takes some 50 ms instead of 400.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, ClassVar

from sandbox import config
from sandbox.clients import awscli_split
from sandbox.clients.base import Client, Result, StatementError
from sandbox.errors import EnvironmentRefusedError, SandboxError

_WORKER = Path(__file__).with_name("awscli_worker.py")

_SHELL = "\n".join(
    (
        "Only plain aws commands run here. For pipes, variables and redirections use a script or a shell:",
        "  sandbox exec -- bash",
    )
)


class AwsCliClient(Client):
    """Runs commands of the AWS CLI against one endpoint, given by its variables.

    ``Result.value`` is the answer when it is JSON, else ``Result.text`` has it. ``--query``, ``--output`` and
    ``file://`` (from the current folder) work; pipes and variables of a shell do not.
    """

    language: ClassVar[str] = "aws"
    prompt = "aws> "

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | dict(env)
        self._command, self._packages = _find_cli()
        self._ids = itertools.count()
        self._worker: subprocess.Popen[str] | None = None
        if self._packages:
            self._start()

    def split(self, text: str) -> tuple[list[str], str]:
        return awscli_split.split(text)

    def execute(self, statement: str) -> Iterator[Result]:
        try:
            argv = awscli_split.words(statement)
        except awscli_split.NotPlainError as problem:
            raise StatementError(
                f"{str(problem)!r} is the shell's, not the AWS CLI's.", detail=_SHELL, statement=statement
            ) from problem
        except ValueError as problem:
            raise StatementError(f"{problem}.", statement=statement) from problem
        if not argv:
            return
        code, out, err = self._run(argv)
        if code:
            title, detail = _complaint(err or out, argv)
            raise StatementError(title, detail=detail, statement=statement)
        yield _result(argv, out, err)

    def close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        with contextlib.suppress(OSError):
            _pipe(worker.stdin).close()
        try:
            worker.wait(2)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        _pipe(worker.stdout).close()

    def complete(self, text: str) -> list[str]:
        """The services of the sandbox after ``aws``, else nothing: the CLI knows its own words too slowly."""
        names = ("dynamodb", "kinesis", "s3", "s3api", "sts", "iam", "dynamodbstreams", "firehose")
        before, _, last = text.rpartition(" ")
        if before.strip() in ("", "aws"):
            return [
                name for name in (("aws", *names) if not before.strip() else names) if name.startswith(last)
            ]
        return []

    # -- the process of the CLI --------------------------------------------------------------------------

    def _start(self) -> None:
        self._worker = subprocess.Popen(
            [*self._command, str(_WORKER), str(self._packages)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._env,
            text=True,
            encoding="utf-8",
        )

    def _run(self, argv: list[str]) -> tuple[int, str, str]:
        if not self._packages:
            done = subprocess.run(
                [*self._command, *argv],
                env=self._env,
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                check=False,
            )
            return done.returncode, done.stdout, done.stderr
        if self._worker is None or self._worker.poll() is not None:
            self._start()
        worker = self._worker
        number = next(self._ids)
        try:
            request = json.dumps({"id": number, "argv": argv, "cwd": str(Path.cwd())})
            pipe = _pipe(worker.stdin if worker else None)
            pipe.write(request + "\n")
            pipe.flush()
            answer = self._answer(worker, number)
        except (OSError, ValueError) as problem:
            raise _broken(str(problem)) from problem
        return answer["code"], answer["out"], answer["err"]

    def _answer(self, worker: subprocess.Popen[str] | None, number: int) -> dict[str, Any]:
        for line in _pipe(worker.stdout if worker else None):
            answer: dict[str, Any] = json.loads(line)
            # An earlier command may have been interrupted while we waited for it.
            if answer["id"] == number:
                return answer
        raise _broken("its process ended")


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise _broken("its process is gone")
    return pipe


def _broken(why: str) -> EnvironmentRefusedError:
    return EnvironmentRefusedError(
        f"The AWS CLI stopped working: {why}", code="awscli-broken", actions=["sandbox pull aws"]
    )


def _find_cli() -> tuple[list[str], Path | None]:
    """How to run Python in the CLI's environment, and its packages; or the person's own ``aws`` and None."""
    from sandbox.runtimes.native.environments import Environment, environment, interpreter

    found = shutil.which("aws")
    # On the PATH of answers and of `sandbox exec` it is ours, wherever the cache may be.
    ours = Path(found).resolve().parent.parent if found else None
    try:
        if ours is None or not (ours / "run.py").is_file():
            ours = environment("awscli", config.cache(), offline=True).root
    except SandboxError:
        if found:
            return [found], None
        raise
    return [interpreter(), "-I", "-S", "-X", "utf8"], Environment(ours).packages


# -- what the CLI says -----------------------------------------------------------------------------------


def _result(argv: list[str], out: str, err: str) -> Result:
    if not _asks_for_text(argv):
        with contextlib.suppress(ValueError):
            return Result(value=json.loads(out), has_value=True, text=err.strip())
    return Result(text=_as_seen(out + err).rstrip("\n"))


def _asks_for_text(argv: list[str]) -> bool:
    pairs = itertools.pairwise([*argv, ""])
    return any(a.startswith("--output=") or (a == "--output" and b != "json") for a, b in pairs)


def _as_seen(text: str) -> str:
    """What a terminal would show in the end: progress drawn over itself on one line, bold by overstriking."""
    text = re.sub(".\x08", "", text)
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in text.split("\n"))


_USAGE = ("usage:", "To see help", "aws help", "aws <", "Note: AWS CLI version 2")


def _complaint(said: str, argv: list[str]) -> tuple[str, str]:
    """Title and detail of an error: the CLI's own sentence, without its pages of usage."""
    text = said.strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "Invalid choice" in text and "argument command:" in text:
        word = next((each for each in argv if not each.startswith("-")), "")
        near = re.search(r"maybe you meant:\s*(.*)", text, re.DOTALL)
        return f"aws has no command {word!r}.", _names(near[1]) if near else ""
    if "Invalid choice" in text and "argument operation:" in text:
        word = next((each for each in argv[1:] if not each.startswith("-")), "")
        near = re.search(r"maybe you meant:\s*(.*)", text, re.DOTALL)
        return f"aws {argv[0]} has no operation {word!r}.", _names(near[1]) if near else ""
    wanted = [line for line in lines if not line.startswith(_USAGE)]
    title = next((line for line in wanted if line.startswith("aws: error:")), wanted[0] if wanted else text)
    rest = [line for line in wanted if line != title]
    return title.removeprefix("aws: error: "), "\n".join(rest)


def _names(text: str) -> str:
    near = [name.strip(" *") for name in text.splitlines() if name.strip(" *")]
    return f"Did you mean {' or '.join(near)}?" if near else ""
