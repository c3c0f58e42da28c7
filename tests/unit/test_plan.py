"""What `up` decides from what it sees and what is wished."""

from __future__ import annotations

from sandbox.plan import Seen, Wish, plan_up, starts


def actions(wish: Wish, seen: Seen) -> list[str]:
    return [step.action for step in plan_up([wish], {wish.engine: seen})]


def test_a_new_engine_is_fetched_created_and_started_in_that_order() -> None:
    assert actions(Wish("redis"), Seen(missing_mib=4)) == ["fetch", "create", "start"]


def test_what_runs_and_matches_is_kept() -> None:
    assert actions(Wish("redis"), Seen(alive=True, has_data=True, port=6379)) == ["keep"]


def test_data_that_are_there_are_not_made_again() -> None:
    assert actions(Wish("redis"), Seen(has_data=True)) == ["start"]


def test_an_engine_that_died_is_started_and_the_cause_says_so() -> None:
    (step,) = plan_up([Wish("redis")], {"redis": Seen(has_data=True, died=True)})
    assert (step.action, step.cause) == ("start", "it died")


def test_another_port_or_durability_means_a_restart() -> None:
    running = Seen(alive=True, has_data=True, port=6379)
    assert actions(Wish("redis", port=7000), running) == ["stop", "start"]
    assert actions(Wish("redis", durable=True), running) == ["stop", "start"]
    assert actions(Wish("redis", port=6379, durable=False), running) == ["keep"]


def test_another_dataset_is_loaded_into_an_engine_that_has_one_and_only_then() -> None:
    running = Seen(alive=True, has_data=True, dataset="old")
    assert actions(Wish("redis", dataset="new"), running) == ["keep", "load"]
    assert actions(Wish("redis", dataset="old"), running) == ["keep"]
    assert actions(Wish("redis"), running) == ["keep"]
    assert actions(Wish("redis", dataset="new"), Seen()) == ["create", "start"]


def test_steps_come_in_the_order_of_the_wishes_each_with_a_cause() -> None:
    steps = plan_up([Wish("redis"), Wish("postgres")], {"redis": Seen(alive=True)})
    assert [s.engine for s in steps] == ["redis", "postgres", "postgres"]
    assert all(s.cause for s in steps)
    assert starts(steps) == ["postgres"]
