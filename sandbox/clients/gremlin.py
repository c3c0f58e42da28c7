"""Gremlin as one types it into its console, over the driver and in the server's own Gremlin language.

Statements are traversals, executed to their end whether or not ``next()`` or ``iterate()`` closes them, or
assignments. What the console does in Groovy is not offered: closures, loops, calls on results.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from sandbox.clients.base import Client, Result, StatementError
from sandbox.clients.gremlin_text import assignment, put_in, split, tokens, without_comments
from sandbox.clients.gremlin_values import entry_shown, explain_shown, plain, profile_shown, shown, stands_for
from sandbox.endpoint import Endpoint
from sandbox.engines.gremlin_driver import Transport, new_client

HELP = """\
Type traversals; they run on the graph g:
  g.addV('person').property('name', 'John').property('age', 30)
  g.V().has('person', 'name', 'John').out('knows').values('name')
They may go on over several lines while a bracket is open or a line ends with a dot.
Name what you need again:
  john = g.V().has('name', 'John').next()
  g.V(john).addE('knows').to(jane)
  john                           shows it
:vars lists the names, :clear forgets them, :help shows this, :quit leaves.
The language is Gremlin itself, as on Neptune: no Groovy around it, so no closures and no calls on results."""

_STEPS = tuple(
    """
    V E addE addV aggregate and as both bothE bothV by cap choose coalesce constant count cyclicPath
    dedup drop elementMap emit filter fold from group groupCount has hasId hasKey hasLabel hasNext
    hasNot id identity in inE inV inject is iterate label limit local loops map match math max mean
    merge mergeE mergeV min next none not option optional or order otherV out outE outV pageRank path
    profile project properties property propertyMap range repeat sack sample select sideEffect
    simplePath skip sum tail times to toList toSet tree union unfold until value valueMap values where
    with within without explain
    """.split()  # noqa: SIM905 - a list would fill a page
)
_CONNECTS = re.compile(
    r"(traversal\s*\(|TinkerGraph\s*\.|TinkerFactory\s*\.|Cluster\s*\.|EmptyGraph\s*\.|graph\s*\.)"
)
_ENDS_WITH_NEXT = re.compile(r"\.\s*next\s*\(\s*\)\s*$")
_PREFIX = re.compile(r"^Failed to (interpret Gremlin query|authorize): ")


class GremlinClient(Client):
    """A connection on the endpoint's graph.

    A result has as ``value`` the list of what the traversal gave, in plain Python, and is shown as the
    console does: ``==>`` before each. Variables live as long as the client.
    """

    language: ClassVar[str] = "gremlin"
    prompt = "gremlin> "

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client: Any = None
        self._transport: Transport | None = None
        self._variables: dict[str, Any] = {}

    def split(self, text: str) -> tuple[list[str], str]:
        return split(text)

    def execute(self, statement: str) -> Iterator[Result]:
        statement = without_comments(statement)
        if statement.startswith((":>", ":submit ")):
            # To a remote server, as the console says it; here everything is.
            statement = statement.partition(" ")[2] if statement.startswith(":s") else statement[2:]
            statement = statement.strip()
        if not statement:
            return
        if statement.startswith(":"):
            yield from self._command(statement)
            return
        given = assignment(statement)
        if given is None and statement.startswith("import "):
            yield Result(text="Nothing to import: the names of the language are all there.")
        elif given is not None and (given[0] in ("g", "graph") or _CONNECTS.match(given[1])):
            yield Result(text=f"g is there: the graph {self._endpoint.database}.")
        elif given is not None:
            yield self._assign(*given, statement)
        elif statement in self._variables:
            yield _result([self._variables[statement]])
        else:
            yield self._show(self._ask(statement), statement)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def complete(self, text: str) -> list[str]:
        words = text.split()
        word = words[-1] if words and not text[-1:].isspace() else ""
        head, dot, start = word.rpartition(".")
        if not dot:
            head, _, start = word.rpartition("(")
            return [name for name in ["g", *self._variables] if name.startswith(start)] if not head else []
        return [f"{head}.{step}(" for step in _STEPS if step.startswith(start)]

    # -- statements ----------------------------------------------------------------------------------

    def _command(self, statement: str) -> Iterator[Result]:
        name = statement[1:].split(maxsplit=1)[0].lower() if len(statement) > 1 else ""
        if name in ("help", "h", "?"):
            yield Result(text=HELP)
        elif name == "vars":
            lines = [f"{name} = {shown(value)}" for name, value in self._variables.items()]
            yield Result(text="\n".join(lines) or "No names yet.")
        elif name in ("clear", "c"):
            self._variables.clear()
        elif name == "remote":
            yield Result(
                text=f"Connected to {self._endpoint.url}, graph {self._endpoint.database}; nothing to do."
            )
        elif name in ("quit", "q", "exit", "x"):
            return
        else:
            raise StatementError(f"There is no command :{name} here.", detail=":help tells what there is.")

    def _assign(self, name: str, expression: str, statement: str) -> Result:
        if not expression.strip():
            raise StatementError(f"{name} is given nothing.", statement=statement)
        if _starts_with_g(expression):
            found = self._ask(expression)
            if _ENDS_WITH_NEXT.search(expression) and found and all(map(_is_entry, found)):
                # A map comes entry by entry.
                found = [{key: item for entry in found for key, item in entry.items()}]
            elif _ENDS_WITH_NEXT.search(expression) and not found:
                raise StatementError(
                    "The traversal found nothing, so there is no next().", statement=statement
                )
            self._variables[name] = found[0] if len(found) == 1 and not _wants_list(expression) else found
            return self._show(found, expression)
        # Through the server, so that it is the language's own literals that count.
        [value] = self._ask(f"g.inject(1).constant({expression})") or [None]
        self._variables[name] = value
        return _result([value])

    def _ask(self, statement: str) -> list[Any]:
        """Everything that a traversal gives."""
        if not _starts_with_g(statement):
            first = next(tokens(statement)).text
            if first in self._variables and "." in statement:
                raise StatementError(
                    f"{first} is a result, on which nothing can be called here.",
                    detail=f"Go on from it with a traversal: g.V({first}). ...",
                    statement=statement,
                )
        sent = put_in(statement, {name: stands_for(value) for name, value in self._variables.items()})
        return self._submit(sent, statement)

    def _submit(self, sent: str, statement: str) -> list[Any]:
        from gremlin_python.driver.protocol import GremlinServerError

        if self._client is None:
            self._client = new_client(self._endpoint, made=self._remember)
        answered = False
        try:
            found = self._client.submit(sent, request_options={"language": "gremlin-lang"}).all().result()
            answered = True
            return list(found)
        except GremlinServerError as refused:
            answered = True
            raise self._refusal(refused.status_message, statement) from None
        except (OSError, EOFError, RuntimeError) as problem:
            raise StatementError(
                f"The server does not answer: {problem}",
                detail="The next statement connects again.",
                statement=statement,
            ) from None
        finally:
            if not answered:
                self._abandon()

    def _refusal(self, message: str, statement: str) -> StatementError:
        message = _PREFIX.sub("", message)
        line = re.search(r"at line (\d+)", message)
        detail = ""
        missing = re.search(r"No variable found for (\w+)", message)
        if missing:
            detail = f"Nothing is named {missing[1]} yet. A text needs quotes: '{missing[1]}'."
        elif ("{" in statement and "->" in statement) or re.search(r"\{\s*it\b", statement):
            detail = "Closures are Groovy's; the server takes Gremlin alone."
        elif not _starts_with_g(statement):
            detail = "Traversals begin with g."
        return StatementError(
            message, detail=detail, statement=statement, line=int(line[1]) if line else None
        )

    def _remember(self, transport: Transport) -> None:
        self._transport = transport

    def _abandon(self) -> None:
        """Give up a connection on which an answer may still be on its way."""
        client, self._client = self._client, None
        if client is not None:
            if self._transport is not None:
                with contextlib.suppress(OSError):
                    self._transport.abort()
            client.close()

    def _show(self, found: list[Any], statement: str) -> Result:
        if len(found) == 1 and isinstance(found[0], Mapping):
            # A map of a person's own may have the same keys.
            with contextlib.suppress(AttributeError, IndexError, KeyError, TypeError, ValueError):
                if set(found[0]) == {"dur", "metrics"}:
                    return _result(found, profile_shown(found[0]))
                if set(found[0]) == {"original", "intermediate", "final"}:
                    return _result(found, explain_shown(found[0]))
        if _ENDS_WITH_NEXT.search(statement):
            return _result(found, "\n".join(f"==>{entry_shown(item)}" for item in found))
        return _result(found)


def _result(found: list[Any], text: str | None = None) -> Result:
    if text is None:
        text = "\n".join(f"==>{shown(item)}" for item in found)
    return Result(value=plain(found), has_value=True, extra={"shown": text})


def _starts_with_g(statement: str) -> bool:
    return re.match(r"g\s*\.", statement) is not None


def _is_entry(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) == 1


def _wants_list(expression: str) -> bool:
    return re.search(r"\.\s*to(List|Set|BulkSet)\s*\(\s*\)\s*$", expression) is not None
