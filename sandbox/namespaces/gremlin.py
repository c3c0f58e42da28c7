"""Graphs of Gremlin Server, each by a name of its own, which the server never saves. It fills one with the
dataset from the copy that it kept when that was loaded."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from sandbox.endpoint import Endpoint
from sandbox.engines.gremlin import SYSTEM, TEST, call
from sandbox.engines.gremlin_driver import open_client, open_source
from sandbox.engines.gremlin_load import load
from sandbox.events import silent
from sandbox.namespaces.base import PREFIX, Namespaces


class GremlinNamespaces(Namespaces):
    """A graph comes to be by being used."""

    elsewhere = False
    links = ("_client", "_stack")

    _stack: ExitStack | None = None
    _client: Any = None

    def _claim(self) -> str:
        name = TEST + self._new_name().removeprefix(PREFIX)
        self._claims.add(name)
        return name

    def _make(self, name: str, loaded: bool) -> None:
        if loaded and not call(self._connected(), "fill", dataset=self.dataset.hash, graph=name):
            # Not kept: `g` held other things besides when it was loaded.
            with open_source(self._at(name)) as g:
                load(g, self.dataset, silent)

    def _has(self, name: str, loaded: bool) -> bool:
        look = f"g.V().has('graph', 'name', '{name}').values('vertices')"
        return not loaded or any(self._connected().submit(look).all().result())

    def _drop(self, name: str) -> None:
        call(self._connected(), "forget", graph=name)

    def _at(self, name: str) -> Endpoint:
        return replace(self.admin, database=name)

    def _connected(self) -> Any:
        if self._client is None:
            self._stack = ExitStack()
            self._client = self._stack.enter_context(open_client(replace(self.admin, database=SYSTEM)))
        return self._client

    def _disconnect(self) -> None:
        stack, self._stack, self._client = self._stack, None, None
        if stack is not None:
            stack.close()


NAMESPACES = GremlinNamespaces
