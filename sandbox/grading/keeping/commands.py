"""The AWS CLI kept warm for answers in shell: a command takes some 40 ms of processor time instead of 400.

A process forked from the warm one, within the answer's own bounds and as its own user, serves the program
``aws`` that the answer finds on its PATH (:mod:`.shim`). That program hands over its standard streams,
working folder, variables and arguments over an inherited socket; each command runs in a fork of its own.
Where the socket was not passed on, or its server was ended, the program runs the real CLI instead.
"""
# mypy: disable-error-code="import-not-found"
# ruff: noqa: BLE001

from __future__ import annotations

import contextlib
import functools
import gc
import os
import select
import signal
import socket
import sys
import threading
import time

from . import botocore_once
from .warm import Warm, reap_always, settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

FD = 100
"""Where the answer's processes have the socket. Shells keep descriptors of their own from 10, 63 and 255."""

_WARMED = {
    "dynamodb": "list-tables",
    "kinesis": "list-streams",
    "s3api": "list-buckets",
    "s3": "ls",
    "sts": "get-caller-identity",
    "iam": "list-users",
    "dynamodbstreams": "list-streams",
    "firehose": "list-delivery-streams",
    "cloudwatch": "list-metrics",
    "sqs": "list-queues",
    "sns": "list-topics",
}
"""A command of each service that needs no arguments: run once to nowhere, it loads what others need too."""


class WarmCli(Warm):
    """The CLI's modules and descriptions of services, and a driver that no command has used yet."""

    def __init__(self) -> None:
        super().__init__()
        # Anything that looks for credentials in the network, or in somebody's files, must find nothing.
        os.environ.update(AWS_EC2_METADATA_DISABLED="true", HOME="/nonexistent", AWS_MAX_ATTEMPTS="1")
        os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
        sys.argv = ["aws"]
        import awscli.clidriver as cli
        import botocore.session

        botocore_once.share()
        # Reading the descriptions of services is most of a command's time: one loader for all drivers.
        botocore.session.create_loader = functools.cache(botocore.session.create_loader)
        self._create = cli.create_clidriver
        self._data_path = os.environ["AWS_DATA_PATH"]
        self._driver = self._create()
        settle()

    def prepare(self, what: dict[str, Any]) -> None:
        """``{"services": [...]}``: those that commands will be of."""
        super().prepare(what)
        fresh = [name for name in what.get("services", ()) if name in _WARMED and name not in self._known]
        for name in fresh:
            self._known.add(name)
            self._to_nowhere([name, _WARMED[name]])
        if fresh:
            self._driver = self._create()
            # A driver makes its tables of commands when they are first looked at; they rest on nothing that a
            # caller could set.
            commands = self._driver._get_command_table()
            for name in self._known & _WARMED.keys():
                make = getattr(commands.get(name), "_get_command_table", None)
                if make is not None:
                    make()
            parser = self._driver._create_parser(commands)
            self._driver._create_parser = lambda _commands: parser
            botocore_once.make_contexts()
            settle()

    def _to_nowhere(self, argv: list[str]) -> None:
        saved = [os.dup(1), os.dup(2)]
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            self._create().main([*argv, "--no-sign-request", "--endpoint-url", "http://127.0.0.1:9"])
        except (Exception, SystemExit):
            return
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for target, fd in enumerate(saved, start=1):
                os.dup2(fd, target)
                os.close(fd)
            os.close(null)

    def serve_commands(self, *, close: int) -> int:
        """Called by the answer before it becomes its program, whose descriptor ``FD`` is the socket then."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        told, tell = os.pipe()
        middle = os.fork()
        if middle == 0:
            # Its child is an orphan at once, so that the answer's program has no child that it did not start.
            pid = os.fork()
            if pid:
                os.write(tell, b"%d" % pid)
                os._exit(0)
            try:
                os.dup2(os.open(os.devnull, os.O_RDWR), 0)
                for target in (1, 2):
                    os.dup2(0, target)
                os.close(close)
                theirs.close()
                self._serve(ours)
            finally:
                os._exit(0)
        os.waitpid(middle, 0)
        pid = int(os.read(told, 16))
        os.dup2(theirs.fileno(), FD)
        for fd in (told, tell):
            os.close(fd)
        return pid

    def _serve(self, server: socket.socket) -> None:
        reap_always()
        while True:
            _, fds, _, _ = socket.recv_fds(server, 1, 5)
            if len(fds) != 5:
                # The answer has ended. A command that has told its code may still be on its way out: as an
                # orphan it would be taken for a process that the answer left. This waits for all of them.
                with contextlib.suppress(ChildProcessError):
                    while True:
                        os.wait()
                return
            if os.fork() == 0:
                server.close()
                self._command(fds)
            for fd in fds:
                os.close(fd)

    def _command(self, fds: list[int]) -> NoReturn:
        code, tell = 70, fds[4]
        try:
            # It ends soon: looking for garbage every 700 objects would only touch memory that is shared.
            gc.set_threshold(50_000)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            os.write(tell, b"+")
            for target, fd in enumerate(fds[:3]):
                os.dup2(fd, target)
                os.close(fd)
            with os.fdopen(fds[3], "rb") as file:
                folder, count, *words = file.read().split(b"\0")
            os.chdir(folder)
            threading.Thread(target=_end_with_caller, args=(tell,), daemon=True).start()
            arguments, env = words[: int(count)], words[int(count) :]
            code = self._run([os.fsdecode(word) for word in arguments], env)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException as problem:
            sys.stderr.write(f"{type(problem).__name__}: {problem}\n")
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            except OSError:
                code = 120
            os.write(tell, b"%d" % ((code or 0) & 0xFF))
            os._exit(0)

    def _run(self, argv: list[str], env: list[bytes]) -> int:
        os.environb.clear()
        for pair in env:
            key, _, value = pair.partition(b"=")
            os.environb[key] = value
        time.tzset()
        given = os.environ.get("AWS_DATA_PATH")
        os.environ["AWS_DATA_PATH"] = os.pathsep.join(filter(None, (given, self._data_path)))
        files = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
        own = any(name in os.environ for name in files) or given
        if own or os.path.isdir(os.path.expanduser("~/.aws")):  # noqa: PTH111, PTH112 - see keeper
            # A driver made now reads the caller's own settings, where there are any.
            code = self._create().main(argv)
        else:
            code = self._driver.main(argv)
        return int(code or 0)


def _end_with_caller(tell: int) -> None:
    # Nobody reads the reply any more: the caller was ended, by `timeout` for instance.
    poll = select.poll()
    poll.register(tell, select.POLLERR)
    poll.poll()
    os._exit(143)
