"""How mongosh's JavaScript is cut into statements, how values cross into it, and how they are shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from bson import Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import Binary

from sandbox.clients.mongosh_show import iso, number, quoted, shown
from sandbox.clients.mongosh_split import split
from sandbox.clients.mongosh_values import to_js, to_python


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("a\nb", ["a", "b"]),
        ("a; b;", ["a", "b"]),
        ("  ;; ", []),
        ("db.x\n  .find()\n  .limit(1)\nfoo", ["db.x\n  .find()\n  .limit(1)", "foo"]),
        ("db.x.insertOne({\n a: 1 })\nb", ["db.x.insertOne({\n a: 1 })", "b"]),
        ("a +\nb", ["a +\nb"]),
        ("let a = 1,\n b = 2\nc", ["let a = 1,\n b = 2", "c"]),
        ("a\n++b", ["a", "++b"]),
        ("if (a) b; else c\nd", ["if (a) b; else c", "d"]),
        ("if(x){a}\n\nelse{b}", ["if(x){a}\n\nelse{b}"]),
        ("for (const x of y) print(x)\nz", ["for (const x of y) print(x)", "z"]),
        ("for(;;){a}\nb", ["for(;;){a}", "b"]),
        ("do { a } while (b)\nc", ["do { a } while (b)", "c"]),
        ("try { a } catch (e) { b } finally { c }\nd", ["try { a } catch (e) { b } finally { c }", "d"]),
        ("switch(a){case 1: b; break}\nc", ["switch(a){case 1: b; break}", "c"]),
        ("function f() { return 1 } f()", ["function f() { return 1 }", "f()"]),
        ("async function f() {}\nf()", ["async function f() {}", "f()"]),
        ("class A { m() {} }\nnew A()", ["class A { m() {} }", "new A()"]),
        ("x = function () {\n return 1 }\ny", ["x = function () {\n return 1 }", "y"]),
        ("x => {\n y }\nz", ["x => {\n y }", "z"]),
        ("{a: 1}\n{b: 2}", ["{a: 1}", "{b: 2}"]),
        ("{a: 1}.a\nb", ["{a: 1}.a", "b"]),
        ('\'a;b\'; "c\\";d"; e', ["'a;b'", '"c\\";d"', "e"]),
        ("`a ${ {b: `${1}`} } ;`; c", ["`a ${ {b: `${1}`} } ;`", "c"]),
        ("x = /[/;]\\/;/.test(a); b", ["x = /[/;]\\/;/.test(a)", "b"]),
        ("x = y / 2 / z; w", ["x = y / 2 / z", "w"]),
        ("// c\na // b;\n/* x; */ b", ["a", "b"]),
        ("use x\nshow dbs;\nit\nexit", ["use x", "show dbs", "it", "exit"]),
        ('use ("y")\nitem\nuses x', ['use ("y")', "item", "uses x"]),
        ("db.in\nb", ["db.in", "b"]),
        # What JavaScript itself refuses is handed on, so that it can say why.
        ("a)\nb", ["a)", "b"]),
        ('"abc\ndef', ['"abc', "def"]),
        ("}", ["}"]),
    ],
)
def test_statements_end_where_javascript_ends_them(text: str, statements: list[str]) -> None:
    assert split(text) == (statements, "")


@pytest.mark.parametrize(
    "rest",
    [
        "db.x.find({",
        "`abc",
        "`a ${ b",
        "/* abc",
        "foo(\n",
        "a =",
        "if (x)",
        "do { a }",
        "x = [1,",
        "function f()",
    ],
)
def test_a_statement_that_is_not_finished_is_kept(rest: str) -> None:
    assert split(f"a; {rest}") == (["a"], rest)


def _doc(**values: Any) -> dict[str, Any]:
    return {"$doc": [[name, value] for name, value in values.items()]}


def _int(value: int) -> dict[str, str]:
    return {"$numberInt": str(value)}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("text", "text"),
        (_int(5), "5"),
        ({"$numberDouble": "5.0"}, "5"),
        ({"$numberLong": "5"}, "Long('5')"),
        ({"$numberDecimal": "1.50"}, "Decimal128('1.50')"),
        ({"$oid": "507f1f77bcf86cd799439011"}, "ObjectId('507f1f77bcf86cd799439011')"),
        ({"$date": {"$numberLong": "0"}}, "ISODate('1970-01-01T00:00:00.000Z')"),
        ({"$regularExpression": {"pattern": "a+", "options": "i"}}, "/a+/i"),
        ({"$timestamp": {"t": 1, "i": 2}}, "Timestamp({ t: 1, i: 2 })"),
        ({"$js": "[Function: f]"}, "[Function: f]"),
        ([], "[]"),
        ({"$doc": []}, "{}"),
        (_doc(a=_int(1), b="it's"), '{ a: 1, b: "it\'s" }'),
        ({"$doc": [["odd key", None]]}, "{ 'odd key': null }"),
        ([_int(1), "a", [_doc(b=None)]], "[ 1, 'a', [ { b: null } ] ]"),
    ],
)
def test_values_are_shown_as_mongosh_shows_them(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_document_that_is_too_wide_has_a_line_for_each_field() -> None:
    value = _doc(acknowledged=True, insertedId={"$oid": "507f1f77bcf86cd799439011"})
    assert shown(value) == "{\n  acknowledged: true,\n  insertedId: ObjectId('507f1f77bcf86cd799439011')\n}"


def test_a_document_that_is_too_deep_has_a_line_for_each_field() -> None:
    value = _doc(a=_doc(b=_doc(c=_doc(d=_int(1)))))
    assert shown(value) == "{\n  a: { b: { c: { d: 1 } } }\n}"


def test_a_long_list_of_numbers_stands_in_columns() -> None:
    lines = shown([_int(n) for n in range(1, 28)]).splitlines()
    assert lines[0] == "["
    assert lines[1] == "   1,  2,  3,  4,  5,  6,  7,  8,"
    assert lines[4] == "  25, 26, 27"


def test_what_lies_too_deep_is_left_out() -> None:
    value: Any = _int(1)
    for _ in range(9):
        value = _doc(a=value)
    assert "[Object]" in shown(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "'a'"),
        ("it's", '"it\'s"'),
        ("'\"", "`'\"`"),
        ("'\"`", "'\\'\"`'"),
        ("a\n\\", "'a\\n\\\\'"),
        ("\x01", "'\\x01'"),
    ],
)
def test_strings_are_quoted_as_node_quotes_them(text: str, expected: str) -> None:
    assert quoted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.0", "3"),
        ("0.1", "0.1"),
        ("-0.0", "-0"),
        ("1e+21", "1e+21"),
        ("1e-7", "1e-7"),
        ("0.000001", "0.000001"),
        ("1e20", "100000000000000000000"),
        ("NaN", "NaN"),
    ],
)
def test_doubles_are_written_as_javascript_writes_them(text: str, expected: str) -> None:
    assert number(text) == expected


def test_dates_before_1970_are_shown() -> None:
    assert iso(-1) == "1969-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    "value",
    [
        None, True, 5, -(2**31), 2**40, Int64(5), 2.5, float("inf"), "text", ObjectId(), Decimal128("1.50"),
        datetime(2024, 5, 1, 12, 30, 15, 123000, tzinfo=UTC), UUID(int=7), Binary(b"bytes"),
        Binary(b"x", 128), Regex("a", 2), Timestamp(1, 2), MinKey(), MaxKey(), Code("f()"), [1, [2]],
        {"b": 1, "a": {"$x": [None]}, "2": 1, "1": 2},
    ],
)  # fmt: skip
def test_every_type_survives_the_way_into_javascript_and_back(value: Any) -> None:
    back = to_python(to_js(value))
    assert back == value
    if not isinstance(value, int):
        assert type(back) is type(value)


def test_an_integer_beyond_32_bits_is_an_int64() -> None:
    assert to_js(2**40) == {"$numberLong": str(2**40)}


def test_the_order_of_fields_survives() -> None:
    assert list(to_python(to_js({"b": 1, "2": 1, "a": 1, "1": 1}))) == ["b", "2", "a", "1"]
