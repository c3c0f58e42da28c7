"""A Gremlin Server of somebody's. The place is its graph ``g``, when it was empty; a vertex is the mark."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox.engines.base import Attempt
from sandbox.engines.gremlin import Gremlin
from sandbox.engines.gremlin_driver import open_source
from sandbox.runtimes.external.guard import Guard, Mark, cannot, claimed

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint

LABEL = "sandbox_owner"


class ExternalGremlin(Guard, Gremlin):
    """Answers run as the given user. Exercises that need a graph of their own want a server that makes one
    when it is first used, as ours does."""

    def version(self, endpoint: Endpoint) -> str:
        try:
            return super().version(endpoint)
        except Exception:  # noqa: BLE001 - the protocol has no request for it
            return "Gremlin Server"

    def mark(self, endpoint: Endpoint) -> Mark | None:
        with open_source(endpoint) as g:
            if not g.V().has_next():
                return None
            found = g.V().has_label(LABEL).values("mark").to_list()
        return Mark.read(found[0] if found else None)

    def write(self, endpoint: Endpoint, mark: Mark) -> None:
        with open_source(endpoint) as g:
            g.V().has_label(LABEL).drop().iterate()
            g.add_v(LABEL).property("mark", mark.text()).iterate()

    def owned(self, endpoint: Endpoint, attempt: Attempt) -> Mapping[str, Sequence[str]]:
        seen = self.attempt_endpoint(endpoint, attempt)
        return {"graphs": [seen.database]} if seen.database != endpoint.database else {}

    def there(self, endpoint: Endpoint, kind: str, patterns: Collection[str]) -> list[str]:  # noqa: ARG002
        found = []
        for graph in patterns:
            try:
                with open_source(_graph(endpoint, graph)) as g:
                    if g.V().has_next():
                        found.append(graph)
            except Exception as problem:
                raise cannot(self, "it has no graph of its own for an attempt") from problem
        return found

    def remove(self, endpoint: Endpoint, mark: Mark) -> None:
        for graph in [*claimed(mark, "graphs"), endpoint.database]:
            _empty(_graph(endpoint, graph))

    def empty(self, endpoint: Endpoint) -> None:
        _empty(endpoint)

    def fill(self, endpoint: Endpoint, dataset: Any, sink: Any) -> dict[str, int]:
        from sandbox.engines.gremlin_load import load

        with open_source(endpoint) as g:
            rows, _ = load(g, dataset, sink)
        return rows

    def begin_as_given(self, endpoint: Endpoint, attempt: Attempt) -> None:
        seen = self.attempt_endpoint(endpoint, attempt)
        if seen.database != endpoint.database:
            _empty(seen)


def _graph(endpoint: Endpoint, name: str) -> Endpoint:
    return replace(endpoint, database=name)


def _empty(endpoint: Endpoint) -> None:
    with open_source(endpoint) as g:
        g.V().drop().iterate()


GUARD = ExternalGremlin
