"""Numbered databases of Redis, above those of the attempts at exercises. The dataset is copied within the
server, from a database that holds it while anybody uses namespaces."""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import Any

from sandbox.engines.redis import ATTEMPTS
from sandbox.engines.redis_load import load
from sandbox.errors import EnvironmentRefusedError
from sandbox.events import silent
from sandbox.namespaces.base import Namespaces, moved

_MARK = "sandbox:template"
"""Key in the database of the template that says of which dataset it is."""

_COPY = """
if redis.call('get', ARGV[2]) ~= ARGV[3] then return '' end
redis.set_repl(redis.REPL_REPLICA)
local found = redis.call('scan', ARGV[4], 'count', ARGV[5])
for _, key in ipairs(found[2]) do
  if key ~= ARGV[2] then redis.call('copy', key, key, 'db', ARGV[1]) end
end
return found[1]
"""
"""Copies some of the dataset to another database; answers where to go on, "0" at the end and "" when this one
does not hold it. Goes to replicas, and not into the server's file: that would take half as long again."""

_AT_ONCE = 1000
"""Keys copied at once: meanwhile the server does nothing else, and others run their tests."""


class RedisNamespaces(Namespaces):
    """One connection makes and empties them. The last number is the template's."""

    elsewhere = False
    links = ("_connection", "_stack")

    _connection: Any = None
    _stack: ExitStack | None = None
    _count: int = 0

    def _claim(self) -> str:
        self._connected()
        first, template = self._numbers()

        def pick(taken: set[str]) -> str:
            free = [number for number in range(first, template) if str(number) not in taken]
            if not free:
                raise EnvironmentRefusedError(
                    f"All {template - first} databases of {self.engine.title} for tests are in use.",
                    code="namespaces-full",
                    actions=["end test runs that nobody needs", "sandbox reset redis"],
                )
            # Not the one given back last: a client that was left open there would meet the next test.
            return str(random.choice(free))  # noqa: S311 - nobody must be unable to guess it

        return self._claims.choose(pick)

    def _numbers(self) -> tuple[int, int]:
        """The first number for tests, and the template's, which is the last."""
        template = self._count - 1
        return (ATTEMPTS if template > ATTEMPTS else 1), template

    def _make(self, name: str, loaded: bool) -> None:
        # Whatever a stranger left there.
        self._empty(name)
        if loaded:
            template = str(self._numbers()[1])
            if not self._copied(template, name):
                self._make_template(template)
                self._empty(name)
                if not self._copied(template, name):
                    raise ConnectionError("the dataset to be copied from was taken away")

    def _copied(self, template: str, name: str) -> bool:
        at: Any = "0"
        while True:
            at = self._in(template, "EVAL", _COPY, 0, name, _MARK, self.dataset.hash, at, _AT_ONCE)
            if at in ("0", ""):
                return bool(at)

    def _has(self, name: str, loaded: bool) -> bool:
        return not loaded or bool(self._in(name, "DBSIZE"))

    def _make_template(self, number: str) -> None:
        dataset = self.dataset
        with self._claims.locked(), self.engine.connect(moved(self.admin, number)) as there:
            if there.get(_MARK) != dataset.hash:
                there.flushdb()
                load(there, dataset, silent, compact=False)
                there.set(_MARK, dataset.hash)

    def _drop(self, name: str) -> None:
        connection = self._connected()
        # A client that is still open there would write into the next test's.
        for client in connection.client_list():
            if client["db"] == name:
                connection.client_kill_filter(_id=client["id"])
        self._empty(name)

    def _empty(self, name: str) -> None:
        self._in(name, "FLUSHDB", "ASYNC")

    def _in(self, number: str, *command: Any) -> Any:
        """The answer to one command in another database, in one round trip."""
        pipe = self._connected().pipeline(transaction=False)
        pipe.execute_command("SELECT", number)
        pipe.execute_command(*command)
        pipe.execute_command("SELECT", self.admin.database)
        return pipe.execute()[1]

    def _tidy(self) -> None:
        self._connected()
        self._empty(str(self._numbers()[1]))

    def _connected(self) -> Any:
        if self._connection is None:
            self._stack = ExitStack()
            self._connection = self._stack.enter_context(self.engine.connect(self.admin))
            self._count = int(self._connection.config_get("databases")["databases"])
        return self._connection

    def _disconnect(self) -> None:
        stack, self._stack, self._connection = self._stack, None, None
        if stack is not None:
            stack.close()


NAMESPACES = RedisNamespaces
