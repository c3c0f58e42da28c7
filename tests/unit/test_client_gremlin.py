"""Gremlin as text and as values: statements, assignments, variables, what the console prints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from gremlin_python.process.traversal import Direction, T
from gremlin_python.structure.graph import Edge, Path, Property, Vertex, VertexProperty

from sandbox.clients.base import StatementError
from sandbox.clients.gremlin_text import assignment, put_in, split, without_comments
from sandbox.clients.gremlin_values import entry_shown, literal, plain, shown, stands_for

JOHN, JANE = Vertex(1, "person"), Vertex("jane", "person")
KNOWS = Edge(3, JOHN, "knows", JANE)


def test_each_line_is_a_statement() -> None:
    assert split("g.V()\ng.E()\n") == (["g.V()", "g.E()"], "")


def test_a_line_may_be_complete_without_its_end() -> None:
    assert split("g.V()") == (["g.V()"], "")


@pytest.mark.parametrize(
    "text",
    [
        "g.V().\n  has('name', 'John').\n  out('knows')",
        "g.V()\n  .has('name', 'John')\n\n  // those he knows\n  .out('knows')",
        "g.V().has('name',\n  'John')",
        "g.V().where(\n  __.out()\n)",
        "john =\n  g.V().next()",
        "g.V() /* all\nof them */ .count()",
    ],
)
def test_a_statement_may_go_on_over_lines(text: str) -> None:
    assert split(text) == ([text], "")


def test_a_line_end_of_windows_ends_a_statement_too() -> None:
    assert split("g.V()\r\ng.E()\r\n") == (["g.V()", "g.E()"], "")


def test_semicolons_separate_statements_but_not_within_strings() -> None:
    assert split("g.V().has('a', 'x;y'); g.E();") == (["g.V().has('a', 'x;y')", "g.E()"], "")


@pytest.mark.parametrize(
    "text", ["g.V(", "g.V().has('name',", "g.V().", "g.V(). // more", "g.V() /* never closed"]
)
def test_what_lacks_its_end_is_the_rest(text: str) -> None:
    assert split(f"g.E()\n{text}") == (["g.E()"], text)


def test_brackets_and_slashes_within_strings_mean_nothing() -> None:
    text = "g.addV('person').property('name', 'a (b // c').property(\"x\", \"it's [\")"
    assert split(f"{text}\ng.V()") == ([text, "g.V()"], "")


def test_an_unclosed_string_does_not_swallow_the_next_line() -> None:
    assert split("g.V('a)\ng.E()") == (["g.V('a)", "g.E()"], "")


def test_a_bracket_too_many_does_not_swallow_the_next_line() -> None:
    assert split("g.V())\ng.E()") == (["g.V())", "g.E()"], "")


def test_comments_alone_are_no_statement() -> None:
    assert split("// one\n/* two\nthree */\n\n  // four") == ([], "")


def test_commands_take_their_line() -> None:
    assert split(":help\ng.V()\n:remote connect tinkerpop.server (x.") == (
        [":help", "g.V()", ":remote connect tinkerpop.server (x."],
        "",
    )


def test_comments_are_taken_out_and_lines_stay_where_they_were() -> None:
    assert without_comments("g.V() /* a\nb */\n .count() // c") == "g.V() \n\n .count()"
    assert without_comments("g.inject('// no comment')") == "g.inject('// no comment')"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("john = g.addV().next()", ("john", "g.addV().next()")),
        ("def john = g.V(1)", ("john", "g.V(1)")),
        ("Vertex john=g.V(1)", ("john", "g.V(1)")),
        ("x = 5", ("x", "5")),
        ("x == 5", None),
        ("g.V().has('a = b')", None),
        ("g.V()", None),
    ],
)
def test_assignments_are_told_from_traversals(text: str, expected: tuple[str, str] | None) -> None:
    assert assignment(text) == expected


def _put_in(text: str, **values: Any) -> str:
    return put_in(text, {name: stands_for(value) for name, value in values.items()})


def test_a_vertex_stands_for_its_id_and_for_a_traversal_where_an_edge_ends() -> None:
    values = {"john": JOHN, "jane": JANE}
    assert _put_in("g.V(john).out()", **values) == "g.V(1).out()"
    assert _put_in("g.addE('knows').from(john).to(jane)", **values) == (
        "g.addE('knows').from(__.V(1)).to(__.V('jane'))"
    )
    assert _put_in("g.V(john).addE('knows').to( jane )", **values) == (
        "g.V(1).addE('knows').to( __.V('jane') )"
    )
    assert _put_in("g.mergeE([(from): john, (to): jane, (T.label): 'knows'])", **values) == (
        "g.mergeE([(from): 1, (to): 'jane', (T.label): 'knows'])"
    )


def test_only_names_that_stand_alone_are_variables() -> None:
    values = {"name": "John", "out": 1, "age": 30, "V": 2}
    assert _put_in("g.V().out('out').has('name', name).property('age', age)", **values) == (
        "g.V().out('out').has('name', 'John').property('age', 30)"
    )
    assert _put_in("g.mergeV([name: name, (T.id): 'x'])", **values) == "g.mergeV([name: 'John', (T.id): 'x'])"
    assert _put_in("g.V().where(out.x) // name", **values) == "g.V().where(out.x) // name"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"), (True, "true"), (3, "3"), (2**31, "2147483648L"), (2.5, "2.5D"),
        (Decimal("1.10"), "1.10M"),
        ("it's", '"it\'s"'), ("a\nb\\", "'a\\nb\\\\'"), ('both \' and "', '"both \' and \\""'),
        ([1, "a"], "[1, 'a']"), ({}, "[:]"), ({"a b": 1, T.id: 2}, "[('a b'): 1, (T.id): 2]"), ({1}, "{1}"),
        (datetime(2014, 5, 1, tzinfo=UTC), "datetime('2014-05-01T00:00:00Z')"),
        (KNOWS, "3"), (VertexProperty(7, "name", "John", JOHN), "'John'"),
    ],
)  # fmt: skip
def test_values_have_literals(value: Any, expected: str) -> None:
    assert literal(value) == expected


def test_what_has_no_literal_cannot_be_used_again() -> None:
    with pytest.raises(StatementError, match="cannot be used"):
        literal(Path([{"a"}], [JOHN]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (JOHN, "v[1]"), (JANE, "v[jane]"), (KNOWS, "e[3][1-knows->jane]"),
        (VertexProperty(7, "name", "John", JOHN), "vp[name->John]"),
        (Property("since", 2010, KNOWS), "p[since->2010]"),
        (Path([{"a"}, set()], [JOHN, KNOWS]), "[v[1],e[3][1-knows->jane]]"),
        ({T.id: 1, T.label: "person", "name": ["John"]}, "[id:1,label:person,name:[John]]"),
        ({Direction.IN: {T.id: 2}}, "[IN:[id:2]]"), ({}, "[:]"), ([], "[]"),
        (None, "null"), (True, "true"), (2.0, "2.0"),
        ("text", "text"), (datetime(2014, 5, 1, tzinfo=UTC), "2014-05-01T00:00Z"),
        (datetime(2014, 5, 1, 10, 15, 30, tzinfo=timezone(timedelta(hours=2))), "2014-05-01T10:15:30+02:00"),
    ],
)  # fmt: skip
def test_values_look_as_in_the_console(value: Any, expected: str) -> None:
    assert shown(value) == expected


def test_an_entry_of_a_map_looks_as_in_the_console() -> None:
    assert entry_shown({"name": ["John"]}) == "name=[John]"
    assert entry_shown({"a": 1, "b": 2}) == "[a:1,b:2]"


def test_elements_become_plain_data() -> None:
    assert plain([JOHN, {T.id: 1, "friends": [JANE]}]) == [
        {"id": 1, "label": "person"},
        {"id": 1, "friends": [{"id": "jane", "label": "person"}]},
    ]
    assert plain(KNOWS) == {"id": 3, "label": "knows", "out": plain(JOHN), "in": plain(JANE)}
    assert plain(Path([{"a"}], [1])) == {"labels": [["a"]], "objects": [1]}
