"""One file over the network: resumed where it broke off, hashed on its way, retried when that may help."""

from __future__ import annotations

import base64
import errno
import hashlib
import http.client
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random

ATTEMPTS = 5
TIMEOUT = 15.0
"""Seconds without a byte after which a connection counts as broken."""

_CHUNK = 1 << 18
_SPARE = 1 << 20
"""How much of a body that is longer than it should be is read before it is given up."""

_TRANSIENT_STATUS = (408, 416, 425, 429, 500, 502, 503, 504)


class UnreachableError(Exception):
    """Attempts are used up: there is no way to the server now."""


class RefusedError(Exception):
    """The server answered, and will answer the same again: not there, not allowed."""


class CancelledError(Exception):
    """Another transfer failed, or the user wants to stop."""


class _TransientError(Exception):
    """A fault that may be gone at the next attempt: a lost connection, a busy server."""


@dataclass(frozen=True)
class Received:
    """What lies in the file now: its sha256 and its size in bytes."""

    sha256: str
    size: int


def transfer(
    url: str, part: Path, size: int, *, tell: Callable[[int], None], cancel: threading.Event
) -> Received:
    """Complete the file ``part``, that should have ``size`` bytes in the end, from an address.

    ``tell`` is called with the number of bytes that are there. Raises UnreachableError, RefusedError,
    CancelledError, ssl.SSLError for a certificate that is not trusted, OSError for the disk.
    """
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type(_TransientError),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=0.2, max=3) + wait_random(0, 0.3),
            sleep=lambda seconds: _pause(seconds, cancel),
            reraise=True,
        ):
            with attempt:
                return _once(url, part, size, tell, cancel)
    except _TransientError as error:
        raise UnreachableError(str(error)) from error
    raise AssertionError("tenacity ends with a result or an error")


def _pause(seconds: float, cancel: threading.Event) -> None:
    if cancel.wait(seconds):
        raise CancelledError


def _once(url: str, part: Path, size: int, tell: Callable[[int], None], cancel: threading.Event) -> Received:
    if cancel.is_set():
        raise CancelledError
    with part.open("ab+") as file:
        if file.tell() > size:
            file.truncate(0)
        digest, have = hashlib.sha256(), file.tell()
        if have:
            file.seek(0)
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        if have == size:
            return Received(digest.hexdigest(), have)
        try:
            with urllib.request.urlopen(request(url, have), timeout=TIMEOUT) as answer:  # noqa: S310
                if have and not _goes_on_at(answer, have):
                    # A server without ranges, or a file:// address: from the first byte.
                    file.truncate(0)
                    digest, have = hashlib.sha256(), 0
                while have <= size + _SPARE and (chunk := answer.read(_CHUNK)):
                    if cancel.is_set():
                        raise CancelledError
                    _write(file, chunk)
                    digest.update(chunk)
                    have += len(chunk)
                    tell(have)
                if have < size and getattr(answer, "length", None):
                    raise _TransientError(f"{shown(url)} broke off after {have} of {size} bytes")
        except _WriteError as error:
            raise error.reason from None
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:
                file.truncate(0)
            kind = _TransientError if error.code in _TRANSIENT_STATUS else RefusedError
            raise kind(f"{shown(url)} answered {error.code} {error.reason}") from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise error.reason from error
            if isinstance(error.reason, OSError) and error.reason.errno == errno.ENOENT:
                raise RefusedError(f"{shown(url)} is not there") from error
            raise _TransientError(f"no connection to {shown(url)}: {error.reason}") from error
        except (http.client.HTTPException, OSError) as error:
            raise _TransientError(f"{shown(url)} broke off: {error or type(error).__name__}") from error
        return Received(digest.hexdigest(), have)


def request(url: str, start: int = 0, method: str = "GET") -> urllib.request.Request:
    """A request for a file from byte ``start`` on. Credentials within the address are sent as Basic ones."""
    parts = urllib.parse.urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    # An agent name of our own: some repositories refuse the one that Python's library gives.
    made = urllib.request.Request(  # noqa: S310 - the schemes that pip and jgo give
        urllib.parse.urlunsplit(parts._replace(netloc=host)), headers={"User-Agent": "sandbox"}, method=method
    )
    if start:
        made.add_header("Range", f"bytes={start}-")
    if login:
        secret = base64.b64encode(urllib.parse.unquote(login).encode()).decode()
        # Not to be given to another host that the first one sends us to.
        made.add_unredirected_header("Authorization", f"Basic {secret}")
    return made


class _WriteError(Exception):
    """A fault of the disk, apart from those of the network: both are OSError."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _write(file: BinaryIO, chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        raise _WriteError(error) from error


def _goes_on_at(answer: http.client.HTTPResponse, have: int) -> bool:
    span = answer.headers.get("Content-Range") or ""
    return answer.status == 206 and span.startswith(f"bytes {have}-")


def shown(url: str) -> str:
    """An address without credentials and query, for messages."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
