"""The cut of CQL text into statements, and values as plain Python."""

from __future__ import annotations

import uuid
from datetime import date, time

import pytest
from cassandra.util import Date, Duration, OrderedMap, SortedSet, Time

from sandbox.clients.cql_split import bare, split_cql
from sandbox.clients.cql_values import plain


@pytest.mark.parametrize(
    ("text", "statements", "rest"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"], ""),
        ("SELECT 1; SELECT 2", ["SELECT 1"], "SELECT 2"),
        ("SELECT ';', 'it''s; so' FROM t;", ["SELECT ';', 'it''s; so' FROM t"], ""),
        ('SELECT "a;b""c" FROM t;', ['SELECT "a;b""c" FROM t'], ""),
        ("-- one; two\nSELECT 1; // three; four\n/* five;\nsix */ SELECT 2;",
         ["-- one; two\nSELECT 1", "// three; four\n/* five;\nsix */ SELECT 2"], ""),
        ("SELECT 1 -- it's\n;", ["SELECT 1 -- it's"], ""),
        ("SELECT '-- no comment'; SELECT 'http://x';", ["SELECT '-- no comment'", "SELECT 'http://x'"], ""),
        ("SELECT 'open", [], "SELECT 'open"),
        ("SELECT 1 /* open", [], "SELECT 1 /* open"),
        ("-- nothing but words\n", [], ""),
        (" ;; ; ", [], ""),
        ("", [], ""),
    ],
)  # fmt: skip
def test_a_semicolon_ends_a_statement_outside_of_strings_names_and_comments(
    text: str, statements: list[str], rest: str
) -> None:
    assert split_cql(text) == (statements, rest)


@pytest.mark.parametrize("kind", ["", "UNLOGGED ", "COUNTER "])
def test_a_batch_is_one_statement_up_to_apply_batch(kind: str) -> None:
    batch = (
        f"BEGIN {kind}BATCH\n INSERT INTO a (k) VALUES (1);\n UPDATE b SET v = 2 WHERE k = 1;\nAPPLY BATCH"
    )
    assert split_cql(f"{batch};\nSELECT 1;") == ([batch, "SELECT 1"], "")
    assert split_cql(batch.replace("APPLY BATCH", "")) == ([], batch.replace("APPLY BATCH", "").strip())
    assert split_cql(batch) == ([], batch)


def test_semicolons_within_a_function_body_end_nothing() -> None:
    function = (
        "CREATE FUNCTION f (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java "
        "AS $$ int b = 1; return 'x'; $$"
    )
    assert split_cql(f"{function}; SELECT 1;") == ([function, "SELECT 1"], "")
    assert split_cql(function.removesuffix("$$")) == ([], function.removesuffix("$$"))


def test_commands_of_the_shell_end_with_their_line_and_with_the_text() -> None:
    assert split_cql("DESCRIBE KEYSPACES\nSELECT 1;") == (["DESCRIBE KEYSPACES", "SELECT 1"], "")
    assert split_cql("desc table a.b; TRACING ON") == (["desc table a.b", "TRACING ON"], "")
    assert split_cql("consistency") == (["consistency"], "")
    # A table may be called so, as long as the statement does not begin with it.
    assert split_cql("SELECT *\nFROM show\nWHERE a = 1;") == (["SELECT *\nFROM show\nWHERE a = 1"], "")


def test_reading_line_by_line_gives_what_reading_at_once_gives() -> None:
    text = (
        "USE a;\nBEGIN BATCH\nINSERT INTO t (k) VALUES ('x;\ny');\nAPPLY BATCH;\nDESC TABLES\n"
        "/* a;\nb */ SELECT $$ ;\n $$ FROM t; -- end;\nSELECT 2;\n"
    )
    found: list[str] = []
    waiting = ""
    for line in text.splitlines():
        statements, waiting = split_cql(f"{waiting}\n{line}" if waiting else line)
        found += statements
    assert waiting == ""
    assert [bare(s) for s in found] == [bare(s) for s in split_cql(text)[0]]


def test_a_bare_statement_has_no_comments_and_keeps_its_strings() -> None:
    assert bare("-- x\nUSE /* y */  a -- z") == "USE a"
    assert bare("SELECT '--  /* */'\n\nFROM\tt") == "SELECT '--  /* */' FROM t"


def test_values_of_the_driver_become_plain_ones() -> None:
    one = uuid.uuid4()
    assert plain(Date(date(2014, 5, 1))) == date(2014, 5, 1)
    assert plain(Date("1600-01-01")) == date(1600, 1, 1)
    assert plain(Date(10_000_000)) == str(Date(10_000_000))
    assert plain(Time("12:30:00")) == time(12, 30)
    assert plain(SortedSet([3, 1])) == [1, 3]
    assert plain([SortedSet([1]), one]) == [[1], one]
    assert plain((1, Time("00:00:01"))) == (1, time(0, 0, 1))
    assert plain(OrderedMap([("a", Date(date(2014, 5, 1)))])) == {"a": date(2014, 5, 1)}
    # A key of a map may be what no dict takes as one.
    assert plain(OrderedMap([(SortedSet([1]), 2)])) == {"[1]": 2}
    assert plain(None) is None


@pytest.mark.parametrize(
    ("months", "days", "nanoseconds", "said"),
    [
        (14, 3, 3_840_000_000_000, "1y2mo3d1h4m"),
        (0, 0, 1_002_003_004, "1s2ms3us4ns"),
        (0, -2, 0, "-2d"),
        (0, 0, 0, "0s"),
    ],
)
def test_a_duration_is_written_as_cql_takes_it(months: int, days: int, nanoseconds: int, said: str) -> None:
    assert plain(Duration(months, days, nanoseconds)) == said
