"""What `up` decides from what it sees and what is wished."""

from __future__ import annotations

from dataclasses import replace

from sandbox.plan import Seen, SeenReplica, Wish, plan_up, starts


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


def with_replicas(wish: Wish, seen: Seen) -> list[str]:
    return [f"{s.engine} {s.action}" for s in plan_up([wish], {wish.engine: seen})]


UP = Seen(alive=True, has_data=True, port=6379)
ONE = SeenReplica("redis-replica-1", alive=True, has_data=True)


def test_replicas_are_added_kept_and_taken_from_the_end() -> None:
    assert with_replicas(Wish("redis", replicas=1), UP) == [
        "redis keep",
        "redis-replica-1 create",
        "redis-replica-1 start",
    ]
    one = replace(UP, replicas=(ONE,))
    assert with_replicas(Wish("redis"), one) == ["redis keep", "redis-replica-1 keep"]
    two = replace(UP, replicas=(ONE, replace(ONE, name="redis-replica-2")))
    assert with_replicas(Wish("redis", replicas=1), two)[1:] == [
        "redis-replica-1 keep",
        "redis-replica-2 delete",
    ]


def test_a_node_that_others_cannot_join_is_started_anew_for_the_first_of_them_only() -> None:
    closed = replace(UP, closed=True)
    steps = plan_up([Wish("cassandra", replicas=1)], {"cassandra": closed})
    assert [(s.engine, s.action) for s in steps][:2] == [("cassandra", "stop"), ("cassandra", "start")]
    assert "others to join" in steps[0].cause
    assert with_replicas(Wish("cassandra"), closed) == ["cassandra keep"]
    assert with_replicas(Wish("cassandra", replicas=1), UP)[0] == "cassandra keep"


def test_a_primary_that_is_copied_at_rest_is_stopped_only_for_a_new_replica() -> None:
    rest = replace(UP, copied_at_rest=True)
    assert with_replicas(Wish("mysql", replicas=1), rest)[:2] == ["mysql stop", "mysql start"]
    died = replace(rest, replicas=(SeenReplica("mysql-replica-1", has_data=True, died=True),))
    steps = plan_up([Wish("mysql", replicas=1)], {"mysql": died})
    assert [(s.engine, s.action, s.cause) for s in steps] == [
        ("mysql", "keep", "it runs and matches"),
        ("mysql-replica-1", "start", "it died"),
    ]


def test_a_promoted_replica_is_replaced_only_when_a_replica_is_asked_for() -> None:
    promoted = replace(UP, replicas=(replace(ONE, promoted=True),))
    assert with_replicas(Wish("redis"), promoted)[1:] == ["redis-replica-1 keep"]
    assert with_replicas(Wish("redis", replicas=1), promoted)[1:] == [
        "redis-replica-1 delete",
        "redis-replica-1 create",
        "redis-replica-1 start",
    ]
