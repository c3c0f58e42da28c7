"""What was executed in a database of Redis, in its order, for checks of what no key shows afterwards: that
several writes were one transaction, that a key was watched before it was read."""

from __future__ import annotations

import re
import secrets
from typing import Any

from sandbox.endpoint import Endpoint

MOST = 100_000
"""Commands that are listened to; an answer may send as many as it likes."""

_LINE = re.compile(r"\S+ \[(\d+) (\S+)\]")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')


class TooManyCommands(Exception):  # noqa: N818 - not an error of the program
    """More was executed than is listened to."""


class Monitor:
    """Listens from its making on, as the administrator of ``endpoint``, to its database alone.

    Words are as MONITOR shows them: bytes that do not print, quotes and backslashes are escaped. A command
    within a transaction is shown when EXEC does it, after the MULTI of the same client and before its EXEC;
    those of a transaction that fails are not shown, nor are passwords and commands of administration."""

    def __init__(self, endpoint: Endpoint) -> None:
        import redis

        self._endpoint = endpoint
        self._found: list[tuple[str, list[str]]] | None = None
        self._over = False
        driver: Any = redis
        self._connection = driver.Connection(
            host=endpoint.host,
            port=endpoint.port,
            db=int(endpoint.database or 0),
            username=endpoint.user or None,
            password=endpoint.password or None,
            socket_timeout=60,
            decode_responses=True,
        )
        self._connection.send_command("MONITOR")
        self._connection.read_response()

    def commands(self, connection: Any) -> list[tuple[str, list[str]]]:
        """(client's address, words) of all commands up to the first call of this, which ends the listening.
        ``connection`` is any one to the same server. TooManyCommands beyond :data:`MOST`."""
        import redis

        if self._found is None and not self._over:
            self._over = True
            last = secrets.token_hex(16)
            connection.echo(last)
            try:
                self._found = self._until(last)
            except redis.exceptions.ConnectionError as ended:
                raise TooManyCommands("more than the server keeps for who listens") from ended
            finally:
                self._connection.disconnect()
        if self._found is None:
            raise TooManyCommands("asked again")
        return self._found

    def _until(self, last: str) -> list[tuple[str, list[str]]]:
        found: list[tuple[str, list[str]]] = []
        for _ in range(MOST):
            line = self._connection.read_response()
            words = _WORD.findall(line)
            if words[-1:] == [last]:
                return found
            place = _LINE.match(line)
            if place and words and place[1] == self._endpoint.database:
                found.append((place[2], words))
        raise TooManyCommands(f"more than {MOST} commands")
