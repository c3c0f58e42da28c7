"""Has what is the same for all sessions and clients of botocore found out once, not by each of them anew.

Nothing of what they do changes. It is for processes that forks are made of: of the memory that such work
writes to, each fork would get pages of its own. Works on any botocore, that of the AWS CLI too.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import functools
import os
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


CONTEXTS = 8

_contexts: list[Any] = []


def share() -> None:
    """Change the botocore that ``import botocore`` finds; before its first session is made."""
    import botocore.hooks
    import botocore.httpsession
    import botocore.regions
    import botocore.useragent

    _look_at_handlers_once(botocore.hooks)
    _translate_names_once(botocore.hooks)
    _copy_handlers_when_changed(botocore.hooks)
    _read_rules_once(botocore.regions)
    _take_contexts(botocore.httpsession)
    agent = botocore.useragent
    once = functools.lru_cache(1000)
    agent.sanitize_user_agent_string_component = once(agent.sanitize_user_agent_string_component)


def make_contexts() -> None:
    """Make what each client, and each that looks for credentials, wants for TLS though it does not use it.
    Before a fork: each fork then takes its own from these."""
    import botocore.httpsession

    ready: list[Any] = []
    while len(ready) + len(_contexts) < CONTEXTS:
        ready.append(botocore.httpsession.create_urllib3_context(ciphers=None, options=None))
    _contexts.extend(ready)


def _take_contexts(httpsession: Any) -> None:
    make = httpsession.create_urllib3_context

    def create_urllib3_context(*given: Any, **more: Any) -> Any:
        if given or more or not _contexts or "SSLKEYLOGFILE" in os.environ:
            return make(*given, **more)
        return _contexts.pop()

    httpsession.create_urllib3_context = create_urllib3_context


def _look_at_handlers_once(hooks: Any) -> None:
    look = hooks.accepts_kwargs
    known: dict[Any, Any] = {}

    def accepts_kwargs(handler: Any) -> Any:
        function = getattr(handler, "__func__", handler)
        # Functions that modules have; one that somebody has just made may be forgotten again.
        if type(function) is not types.FunctionType or function.__closure__ or function.__dict__:
            return look(handler)
        code = function.__code__
        if code not in known:
            known[code] = look(handler)
        return known[code]

    hooks.accepts_kwargs = accepts_kwargs


def _translate_names_once(hooks: Any) -> None:
    begin = hooks.EventAliaser.__init__
    names: dict[str, str] = {}

    def begin_with_names(self: Any, event_emitter: Any, event_aliases: Any = None) -> None:
        begin(self, event_emitter, event_aliases)
        if self._event_aliases == hooks.EVENT_ALIASES:
            self._alias_name_cache = names

    hooks.EventAliaser.__init__ = begin_with_names


def _copy_handlers_when_changed(hooks: Any) -> None:
    """Each client has a copy of its session's tree of handlers, to which it adds few. Copies share all nodes;
    one that gets a handler copies the nodes on the way to it."""

    class Tree(hooks._PrefixTrie):  # type: ignore[misc]
        own: set[int] | None = None
        """Ids of nodes that no copy shares; None when no copy was made."""
        _root: dict[str, Any]

        def __copy__(self) -> Any:
            new = type(self)()
            new._root = self._root
            self.own, new.own = set(), set()
            return new

        def append_item(self, key: str, *rest: Any, **more: Any) -> None:
            self._own_path(key)
            super().append_item(key, *rest, **more)

        def remove_item(self, key: str, value: Any) -> None:
            self._own_path(key)
            super().remove_item(key, value)

        def _own_path(self, key: str) -> None:
            if self.own is None:
                return
            self._root = node = self._owned(self._root)
            for part in key.split("."):
                children = node["children"]
                if part not in children:
                    return
                children[part] = node = self._owned(children[part])

        def _owned(self, node: dict[str, Any]) -> dict[str, Any]:
            if self.own is None or id(node) in self.own:
                return node
            values = node["values"]
            values = None if values is None else type(values)(*map(list, values))
            node = {"chunk": node["chunk"], "children": dict(node["children"]), "values": values}
            self.own.add(id(node))
            return node

    hooks._PrefixTrie = Tree


def _read_rules_once(regions: Any) -> None:
    """The rules by which addresses of a service are found. The loader gives the same objects each time."""
    provider = regions.EndpointProvider
    known: dict[tuple[int, int], Any] = {}

    def endpoint_provider(ruleset_data: Any, partition_data: Any, *rest: Any, **more: Any) -> Any:
        key = (id(ruleset_data), id(partition_data))
        if key not in known:
            made = provider(ruleset_data, partition_data, *rest, **more)
            # The data too, so that no other gets the id of one that is gone.
            known[key] = (made, ruleset_data, partition_data)
        return known[key][0]

    regions.EndpointProvider = endpoint_provider
