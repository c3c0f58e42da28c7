"""MiniStack with what it lacks for us. Runs inside MiniStack's own environment, not in ours: it imports
nothing of this project, and is started as a copy in the engine's work folder::

    python -I -S aws_server.py <folder of MiniStack's packages>

Added to MiniStack 1.5.33, whose names it relies on (a new version must pass the integration tests):

- What :mod:`.aws_mend` mends, above all that signatures are checked: account ``MINISTACK_ACCOUNT_ID`` has the
  secret ``SANDBOX_SECRET``, every other account one derived from it.
- Unsigned requests are refused, and ``/_ministack/...`` asks for the secret as a bearer token.
- State is saved while it runs and not only at a clean end: after a change a forked child, which has a frozen
  copy of everything, writes it out (as Redis does in the background). ``SANDBOX_SAVE_SECONDS`` is how long a
  change may wait for that. With ``SANDBOX_DURABLE=1`` a change is answered only once it is saved.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import asyncio
import copy
import functools
import gc
import hmac
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

OFFERED = "dynamodb,dynamodbstreams,kinesis,s3,sts,iam,kms,sqs,sns,events,logs,monitoring,firehose"
"""What is switched on: the three services, and what they work with. Others would only seem to work."""

SIGNING_NAMES = {"dynamodbstreams": "dynamodb"}
"""Where the name in a signature is not the service's own."""

READS = re.compile(r"(Get|List|Describe|Query|Scan|BatchGet|TransactGet|Search|Head|SubscribeToShard)")
"""What names of operations that change nothing begin with. All others are taken to change something."""

SAVE_TIMEOUT = 120.0


# -- who may come in -------------------------------------------------------------------------------------


class Gate:
    """The ASGI application: refuses what is unsigned, notes what changes, and hands on to MiniStack."""

    def __init__(self, app: Any, saver: Saver, secret: str) -> None:
        self.app, self.saver = app, saver
        self.token = f"Bearer {secret}".encode()
        self.offered = sorted({SIGNING_NAMES.get(name, name) for name in OFFERED.split(",")})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization", b"")
        refuse = functools.partial(_refuse, send, headers)
        if scope["path"].startswith(("/_ministack", "/_localstack", "/_aws")):
            if not hmac.compare_digest(authorization, self.token):
                await refuse("AccessDenied", "This path is the administrator's.")
                return
        elif not authorization and scope["method"] != "OPTIONS" and not _signed_query(scope["query_string"]):
            await refuse("MissingAuthenticationToken", "Request is missing Authentication Token")
            return
        elif (service := _signed_for(authorization)) and service not in self.offered:
            said = f"The service {service} is not part of this sandbox. It has: {', '.join(self.offered)}."
            await refuse("NotImplemented", said, status=501)
            return
        if not _changes(scope, headers):
            await self.app(scope, receive, send)
            return
        if not self.saver.durable:
            try:
                await self.app(scope, receive, send)
            finally:
                self.saver.note()
            return
        held: list[Any] = []

        async def hold(message: Any) -> None:
            held.append(message)

        try:
            await self.app(scope, receive, hold)
        finally:
            self.saver.note()
        await self.saver.saved()
        for message in held:
            await send(message)


def _signed_query(query: bytes) -> bool:
    names = {name.lower() for name in parse_qs(query.decode("latin-1"), keep_blank_values=True)}
    return bool(names & {"x-amz-signature", "signature"})


def _signed_for(authorization: bytes) -> str:
    """The service in the scope of a signature: ``Credential=<key>/<day>/<region>/<service>/aws4_request``."""
    found = re.search(rb"Credential=[^/,]*/[^/,]*/[^/,]*/([^/,]*)/", authorization)
    return found[1].decode("latin-1") if found else ""


def _changes(scope: Any, headers: dict[bytes, bytes]) -> bool:
    if scope["path"] == "/_ministack/health":
        return False
    if target := headers.get(b"x-amz-target"):
        return READS.match(target.decode("latin-1").rpartition(".")[2]) is None
    return scope["method"] not in ("GET", "HEAD", "OPTIONS")


async def _refuse(
    send: Any, headers: dict[bytes, bytes], code: str, message: str, *, status: int = 403
) -> None:
    # Errors are XML for S3 and, within one element more, for clients that send forms (the Query protocol).
    as_form = headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded")
    as_xml = as_form or _signed_for(headers.get(b"authorization", b"")) in ("", "s3")
    if as_xml:
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        kind, body = b"text/xml", f"<ErrorResponse>{error}</ErrorResponse>" if as_form else error
    else:
        kind, body = b"application/x-amz-json-1.0", json.dumps({"__type": code, "message": message})
    answer = [(b"content-type", kind), (b"x-amzn-errortype", code.encode())]
    await send({"type": "http.response.start", "status": status, "headers": answer})
    await send({"type": "http.response.body", "body": body.encode()})


# -- keeping the state -----------------------------------------------------------------------------------


class Saver:
    """Writes the state of all services that were used, whenever it has changed."""

    def __init__(self, seconds: float, *, durable: bool) -> None:
        self.seconds, self.durable = seconds, durable
        self.changes = 0
        """Changes seen so far; ``done`` of them are on disk."""
        self.done = 0
        self._changed = asyncio.Event()
        self._written = asyncio.Condition()
        self._child = 0
        self._closed = False

    def note(self) -> None:
        self.changes += 1
        self._changed.set()

    async def saved(self) -> None:
        """Until all that was noted so far is on disk."""
        mine = self.changes
        async with self._written:
            await self._written.wait_for(lambda: self.done >= mine)

    def close(self) -> None:
        """Before the last save, at a clean end: no child with an older copy may write after it."""
        self._closed = True
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0

    async def run(self) -> None:
        """For ever: wait for a change, give others time to join it, write."""
        while not self._closed:
            await self._changed.wait()
            if self.durable:
                await self._quiet()
            else:
                await asyncio.sleep(self.seconds)
            self._changed.clear()
            upto, began = self.changes, time.monotonic()
            if await self._fork():
                self.done = upto
                async with self._written:
                    self._written.notify_all()
            else:
                self._changed.set()
                await asyncio.sleep(1.0)
            if not self.durable:
                # With much data a save takes long: leave at least three quarters of a core to the service.
                await asyncio.sleep(3 * (time.monotonic() - began))

    async def _quiet(self) -> None:
        """Until nothing new has come for a moment: what comes together is saved together."""
        for _ in range(10):
            before = self.changes
            await asyncio.sleep(0.01)
            if self.changes == before:
                return

    async def _fork(self) -> bool:
        if self._closed:
            return False
        child = os.fork()
        if child == 0:
            _child()
        self._child = child
        deadline = time.monotonic() + SAVE_TIMEOUT
        pause = 0.005
        while True:
            if self._child != child:
                return False
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                self._child = 0
                return os.waitstatus_to_exitcode(status) == 0
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                self._child = 0
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.1)


def _child() -> None:
    """In the child of a fork: write everything and end, whatever happens."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # The listening socket above all: it must not outlive the server.
        os.closerange(3, 65536)
        os.nice(5)
        gc.disable()
        write_all()
        code = 0
    except BaseException as problem:  # noqa: BLE001 - the parent must not run twice
        sys.stderr.write(f"saving the state failed: {problem!r}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def write_all() -> None:
    """Write every service's state file, each one atomically, in MiniStack's own format.

    Only where the process is about to end: copying is switched off, since nothing changes any more."""
    from ministack import app
    from ministack.core import persistence

    copy.deepcopy = lambda value, *_: value
    folder = Path(persistence.STATE_DIR)
    # What a killed writer left: there is one writer at a time.
    for stale in folder.glob("*.tmp"):
        stale.unlink(missing_ok=True)
    for name, state_of in app._build_persistence_save_dict().items():
        state = state_of()
        if state is None:
            continue
        whole = {"__ministack_format__": persistence._state_format_version(name), "payload": state}
        # One string from the encoder in C: ten times as fast as json.dump.
        text = json.dumps(whole, default=persistence._json_default)
        path = folder / f"{name}.json"
        fresh = path.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_text(text)
        fresh.replace(path)


# -- start -----------------------------------------------------------------------------------------------


async def serve(port: int, secret: str) -> None:
    import aws_mend
    from hypercorn.asyncio import serve as serve_app
    from hypercorn.config import Config
    from ministack import app

    for folder in ("STATE_DIR", "S3_DATA_DIR"):
        Path(os.environ[folder]).mkdir(parents=True, exist_ok=True)
    saver = Saver(float(os.environ["SANDBOX_SAVE_SECONDS"]), durable=os.environ.get("SANDBOX_DURABLE") == "1")

    def last_save(_services: Any) -> None:
        saver.close()
        write_all()

    # At a clean end MiniStack saves once more, in this way.
    app.save_all = last_save
    # Imported now, so that nobody's first request waits for it.
    for name in ("dynamodb", "kinesis", "s3", "iam", "sts"):
        app._get_module(name)
    aws_mend.mend_key_conditions()
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    saving = asyncio.create_task(saver.run())
    await serve_app(Gate(app.app, saver, secret), config)
    saving.cancel()


def main() -> None:
    import warnings

    # Python 3.12 warns of every fork beside threads; the child takes none of their locks.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    secret = os.environ.pop("SANDBOX_SECRET")
    os.environ["SERVICES"] = OFFERED
    import aws_mend

    aws_mend.check_signatures(secret, os.environ["MINISTACK_ACCOUNT_ID"])
    aws_mend.know_protocols()
    # What is there now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    asyncio.run(serve(int(os.environ["GATEWAY_PORT"]), secret))


if __name__ == "__main__":
    sys.path[:0] = [sys.argv[1], str(Path(__file__).parent)]
    main()
