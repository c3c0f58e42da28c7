"""Results keep their types on the way from the answer's process to the checks; tables are aligned."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from sandbox.clients.base import Result
from sandbox.clients.render import as_json, render
from sandbox.grading import values

VALUES: list[Any] = [
    None,
    True,
    3,
    2.5,
    "text",
    Decimal("33319.9860"),
    datetime(2014, 5, 1, 12, 30, tzinfo=UTC),
    date(2014, 5, 1),
    time(1, 2, 3),
    timedelta(seconds=90),
    UUID(int=7),
    b"\x00\xff",
    {"a": [1, {"b": Decimal(1)}]},
    {1: "int key", ("a", 2): "tuple key"},
    {"$date": "not ours"},
    {3, 4},
    (1, (2, "x")),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    result = Result(columns=["v"], rows=[(value,)], value=value, has_value=True, text="done")
    (back,) = values.load(values.dump(result))
    assert back.value == value
    assert type(back.value) is type(value)
    assert back.rows == [(value,)]
    assert (back.columns, back.text, back.has_value) == (("v",), "done", True)


def test_values_of_drivers_come_back_in_plain_types() -> None:
    from bson import Decimal128, Int64, ObjectId
    from cassandra.util import Date, SortedSet
    from gremlin_python.process.traversal import T

    identity = ObjectId()
    assert values.decode(values.encode(identity)) == identity
    assert values.decode(values.encode(Int64(5))) == 5
    assert values.decode(values.encode(Decimal128("1.50"))) == Decimal("1.50")
    assert values.decode(values.encode(Date("2014-05-01"))) == date(2014, 5, 1)
    assert values.decode(values.encode(SortedSet([2, 1]))) == {1, 2}
    assert values.decode(values.encode({T.id: 1, "name": ["John"]})) == {"id": 1, "name": ["John"]}


def test_an_object_of_a_driver_comes_back_with_its_public_attributes() -> None:
    from gremlin_python.structure.graph import Vertex

    back = values.decode(values.encode(Vertex(1, "person")))
    assert (back.id, back.label, str(back)) == (1, "person", "v[1]")


def test_an_endless_value_is_cut_and_not_followed() -> None:
    loop: list[Any] = []
    loop.append(loop)
    json.dumps(values.encode(loop))


def test_rows_beyond_the_limit_are_left_out_and_counted() -> None:
    (back,) = values.load(values.dump(Result(columns=["a"], rows=[(1,)] * (values.MAX_ROWS + 5))))
    assert len(back.rows) == values.MAX_ROWS
    assert back.extra["rows_left_out"] == 5


def test_a_last_line_that_was_cut_off_is_left_out() -> None:
    whole = values.dump(Result(text="one"))
    assert [r.text for r in values.load(f"{whole}\n{whole[:-5]}")] == ["one"]


def test_a_table_is_aligned_with_numbers_to_the_right() -> None:
    shown = render(
        Result(columns=["id", "name"], rows=[(293, "Catherine Abel"), (1, "漢字"), (20, None)], text="done")
    )
    assert shown.splitlines() == [
        " id  | name",
        "-----+----------------",
        " 293 | Catherine Abel",
        "   1 | 漢字",
        "  20 | NULL",
        "(3 rows)",
        "done",
    ]


def test_a_value_with_a_line_break_stays_in_its_cell() -> None:
    shown = render(Result(columns=["a", "b"], rows=[("x\ny", 1)]))
    assert shown.splitlines()[2:] == [" x | 1", " y |", "(1 row)"]


def test_control_characters_of_data_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in render(Result(columns=["a"], rows=[("\x1b[2J",)]))
    assert "\x1b" not in render(Result(value={"a": "\x1b[2J"}, has_value=True))
    assert "\x1b" not in render(Result(value=["\x1b[2J"], has_value=True))


def test_only_the_first_rows_are_shown_when_so_asked() -> None:
    shown = render(Result(columns=["a"], rows=[(i,) for i in range(100)]), max_rows=2)
    assert shown.splitlines()[-1] == "(100 rows, the first 2 shown)"


def test_json_has_exact_numbers_and_iso_dates() -> None:
    result = Result(
        columns=["n", "d"],
        rows=[(Decimal("1.10"), date(2014, 5, 1)), (Decimal("0.1234567890123456789"), None)],
    )
    assert as_json(result)["rows"] == [[1.1, "2014-05-01"], ["0.1234567890123456789", None]]
    json.dumps(as_json(Result(value={1: {2}, "x": b"a"}, has_value=True)))
