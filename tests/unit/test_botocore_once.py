"""What processes that forks are made of change in botocore: it must do as before."""

from __future__ import annotations

import copy
import random
from types import SimpleNamespace
from typing import Any

import botocore.hooks
import botocore.httpsession
import botocore.regions
import pytest

from sandbox.grading.keeping import botocore_once


@pytest.fixture
def hooks() -> Any:
    return SimpleNamespace(**vars(botocore.hooks))


@pytest.mark.parametrize("seed", range(20))
def test_copies_of_handlers_are_as_apart_as_those_of_botocore(hooks: Any, seed: int) -> None:
    botocore_once._copy_handlers_when_changed(hooks)
    chance = random.Random(seed)
    pairs = [(botocore.hooks._PrefixTrie(), hooks._PrefixTrie())]
    keys = [".".join(chance.choices(("a", "b", "*", "c"), k=chance.randint(1, 3))) for _ in range(12)]
    for number in range(200):
        theirs, ours = chance.choice(pairs)
        key = chance.choice(keys)
        what = chance.random()
        if what < 0.1:
            pairs.append((copy.copy(theirs), copy.copy(ours)))
        elif what < 0.7:
            section = chance.randint(0, 2)
            theirs.append_item(key, number, section)
            ours.append_item(key, number, section)
        else:
            found = theirs.prefix_search(key)
            if found and key in keys:
                value = chance.choice(list(found))
                assert _removed(ours, key, value) == _removed(theirs, key, value)
        for one, other in pairs:
            assert [one.prefix_search(each) for each in keys] == [other.prefix_search(each) for each in keys]


def _removed(tree: Any, key: str, value: Any) -> str:
    try:
        tree.remove_item(key, value)
    except (ValueError, AttributeError) as problem:
        return type(problem).__name__
    return ""


def test_a_handler_without_room_for_more_is_refused_each_time(hooks: Any) -> None:
    botocore_once._look_at_handlers_once(hooks)

    def good(**_more: Any) -> None: ...

    def bad(one: int) -> None: ...

    class Some:
        def method(self, **_more: Any) -> None: ...

        def small(self) -> None: ...

    for _ in range(2):
        assert [bool(hooks.accepts_kwargs(each)) for each in (good, bad, Some().method, Some().small)] == [
            True,
            False,
            True,
            False,
        ]


def test_names_of_events_are_translated_as_by_botocore(hooks: Any) -> None:
    class Aliaser(botocore.hooks.EventAliaser):  # type: ignore[misc]
        pass

    hooks.EventAliaser = Aliaser
    botocore_once._translate_names_once(hooks)
    inner = botocore.hooks.HierarchicalEmitter()
    plain, own = botocore.hooks.EventAliaser(inner), Aliaser(inner)
    special = Aliaser(inner, {"s3": "other"})
    for name in (
        "before-call.s3.PutObject",
        "creating-client-class.iot-data",
        "docs.*.autoscaling.x.complete",
    ):
        assert own._alias_event_name(name) == plain._alias_event_name(name)
        assert Aliaser(inner)._alias_event_name(name) == plain._alias_event_name(name)
    assert special._alias_event_name("before-call.s3.PutObject") == "before-call.other.PutObject"


def test_no_two_take_the_same_context_of_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    session = SimpleNamespace(create_urllib3_context=botocore.httpsession.create_urllib3_context)
    monkeypatch.setattr(botocore_once, "_contexts", [])
    monkeypatch.setattr(botocore.httpsession, "create_urllib3_context", session.create_urllib3_context)
    botocore_once._take_contexts(session)
    botocore_once.make_contexts()
    assert len(botocore_once._contexts) == botocore_once.CONTEXTS
    usual = botocore.httpsession.create_urllib3_context()
    taken = [session.create_urllib3_context() for _ in range(botocore_once.CONTEXTS + 2)]
    assert len({id(each) for each in taken}) == len(taken)
    for each in taken:
        assert (each.options, each.verify_mode, each.check_hostname, each.protocol) == (
            usual.options,
            usual.verify_mode,
            usual.check_hostname,
            usual.protocol,
        )


def test_rules_are_read_once_for_the_same_data_and_anew_for_others() -> None:
    made: list[Any] = []

    def provider(*given: Any) -> Any:
        made.append(given)
        return object()

    regions = SimpleNamespace(EndpointProvider=provider)
    botocore_once._read_rules_once(regions)
    one: dict[str, Any] = {}
    other: dict[str, Any] = {}
    partitions: dict[str, Any] = {}
    first = regions.EndpointProvider(one, partitions)
    assert regions.EndpointProvider(one, partitions) is first
    assert regions.EndpointProvider(other, partitions) is not first
    assert len(made) == 2
