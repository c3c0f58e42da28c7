"""Cutting SQL into statements, as psql and the mysql client do it."""

from __future__ import annotations

import pytest

from sandbox.clients.sql_split import copy_parts, split_mysql, split_postgres

BODY = "create function f() returns int begin atomic select 1; select case when true then 2 end; end"

POSTGRES = {
    "two statements": ("select 1; select 2;", ["select 1", "select 2"], ""),
    "the last may lack its semicolon": ("select 1; select 2", ["select 1"], "select 2"),
    "a string holds a semicolon": ("select ';'; select 2;", ["select ';'", "select 2"], ""),
    "a doubled quote stays in its string": ("select 'it''s; so';", ["select 'it''s; so'"], ""),
    "a backslash ends no plain string": (r"select '\'; select 2;", [r"select '\'", "select 2"], ""),
    "a backslash escapes in an E string": (r"select E'\';'; select 2;", [r"select E'\';'", "select 2"], ""),
    "a name that ends in e is no E string": (
        r"select name'\'; select 2;",
        [r"select name'\'", "select 2"],
        "",
    ),
    "a quoted name holds a semicolon": ('select 1 as "a;""b";', ['select 1 as "a;""b"'], ""),
    "a dollar quote holds everything": ("do $$ begin; '\"; end $$;", ["do $$ begin; '\"; end $$"], ""),
    "a tagged dollar quote holds another": ("select $a$ $$;$b$ $a$;", ["select $a$ $$;$b$ $a$"], ""),
    "a dollar within a name quotes nothing": ("select a$b$c; select 2;", ["select a$b$c", "select 2"], ""),
    "a parameter is no dollar quote": ("select $1; select $2;", ["select $1", "select $2"], ""),
    "a line comment hides a semicolon": ("select 1 -- ; no\n;", ["select 1 -- ; no"], ""),
    "block comments nest": ("select /* ; /* ; */ ; */ 1;", ["select /* ; /* ; */ ; */ 1"], ""),
    "brackets hold a semicolon": (
        "create rule r as on insert to t do (select 1; select 2);",
        ["create rule r as on insert to t do (select 1; select 2)"],
        "",
    ),
    "an SQL body is one statement": (BODY + "; select 3;", [BODY, "select 3"], ""),
    "a transaction's begin is no body": ("begin; select 1; end;", ["begin", "select 1", "end"], ""),
    "an unclosed string is the rest": ("select 1; select 'abc; ", ["select 1"], "select 'abc;"),
    "an unclosed dollar quote is the rest": ("do $x$ begin; end $y$;", [], "do $x$ begin; end $y$;"),
    "an unclosed comment is the rest": ("select 1 /* /* */ ;", [], "select 1 /* /* */ ;"),
    "comments alone are nothing": ("-- nothing\n/* at all */\n", [], ""),
    "lone semicolons are nothing": (";;\n;", [], ""),
    "a comment stays with its statement": ("-- one\nselect 1;", ["-- one\nselect 1"], ""),
    "a backslash command ends with its line": (
        "\\c demo_db\ncreate table t (a int);\n\\dt",
        ["\\c demo_db", "create table t (a int)", "\\dt"],
        "",
    ),
    "a backslash command may end in a semicolon": ("\\dt;\nselect 1;", ["\\dt;", "select 1"], ""),
    "a comment may stand before a backslash command": (
        "-- go\n\\c db\nselect 1;",
        ["\\c db", "select 1"],
        "",
    ),
    "\\g sends what stands before it": ("select 1 \\g\nselect 2;", ["select 1", "select 2"], ""),
    "\\gx sends it and is kept": ("select 1 \\gx\nselect 2;", ["select 1 \\gx", "select 2"], ""),
    "COPY takes its data along": (
        "copy t from stdin;\n1\ta;b\n2\t'\n\\.\nselect 1;",
        ["copy t from stdin;\n1\ta;b\n2\t'\n", "select 1"],
        "",
    ),
    "COPY without the end of its data is the rest": (
        "copy t from stdin;\n1\ta",
        [],
        "copy t from stdin;\n1\ta",
    ),
    "COPY from a file is like any other": (
        "copy t from '/x'; select 1;",
        ["copy t from '/x'", "select 1"],
        "",
    ),
    "lines may end as on Windows": (
        "select 1;\r\n\\c db\r\nselect 2;\r\n",
        ["select 1", "\\c db", "select 2"],
        "",
    ),
    "words of any language are words": (
        "select 'ü' as größe; select 2;",
        ["select 'ü' as größe", "select 2"],
        "",
    ),
}

PROCEDURE = "create procedure p() begin select 1; select 2; end"

MYSQL = {
    "two statements": ("select 1; select 2;", ["select 1", "select 2"], ""),
    "a backslash escapes in both kinds of string": (
        r"""select 'a\';', "b\";"; select 2;""",
        [r"""select 'a\';', "b\";\"""".removesuffix('\\"') + '"', "select 2"],
        "",
    ),
    "a doubled quote stays in its string": (
        "select 'it''s;', \"a\"\";\";",
        ["select 'it''s;', \"a\"\";\""],
        "",
    ),
    "a backquoted name holds a semicolon": ("select 1 as `a;``b`;", ["select 1 as `a;``b`"], ""),
    "a backslash escapes nothing in a name": (
        "select 1 as `a\\`; select 2;",
        ["select 1 as `a\\`", "select 2"],
        "",
    ),
    "a hash begins a comment": ("select 1 # ; no\n;", ["select 1 # ; no"], ""),
    "two dashes need a blank to begin one": ("select 2--1; select 3;", ["select 2--1", "select 3"], ""),
    "two dashes and a blank begin one": ("select 1 -- ; no\n;", ["select 1 -- ; no"], ""),
    "block comments do not nest": ("select /* /* ; */ 1;", ["select /* /* ; */ 1"], ""),
    "an executable comment is a statement": (
        "/*!40101 set names utf8 */;",
        ["/*!40101 set names utf8 */"],
        "",
    ),
    "a plain comment is none": ("/* nothing */;", [], ""),
    "DELIMITER holds until the next": (
        f"DELIMITER //\n{PROCEDURE} //\nDELIMITER ;\nselect 3;",
        ["DELIMITER //", PROCEDURE, "DELIMITER ;", "select 3"],
        "",
    ),
    "$$ may be the delimiter": (f"delimiter $$\n{PROCEDURE}$$\n", ["delimiter $$", PROCEDURE], ""),
    "a delimiter in a string ends nothing": (
        "delimiter //\nselect '//' //",
        ["delimiter //", "select '//'"],
        "",
    ),
    "use needs no semicolon": ("use demo_db\nselect 1;", ["use demo_db", "select 1"], ""),
    "use may have one": ("USE demo_db;\nselect 1;", ["USE demo_db", "select 1"], ""),
    "use and more may share a line": ("use demo_db; select 1;", ["use demo_db", "select 1"], ""),
    "\\G sends what stands before it and is kept": (
        "select 1\\G\nselect 2;",
        ["select 1 \\G", "select 2"],
        "",
    ),
    "\\c throws away what stands before it": ("select nonsense \\c select 1;", ["select 1"], ""),
    "a line command stands alone": ("source /tmp/x.sql\nselect 1;", ["source /tmp/x.sql", "select 1"], ""),
    "habits of psql come through whole": ("\\dt\nselect 1;", ["\\dt", "select 1"], ""),
    "an unclosed string is the rest": ("select 1; select 'abc; ", ["select 1"], "select 'abc;"),
    "an unclosed comment is the rest": ("select 1 /* ;", [], "select 1 /* ;"),
    "a word that begins like a command is none": ("helpers; status_log;", ["helpers", "status_log"], ""),
    "lines may end as on Windows": ("use demo_db;\r\nselect 1;\r\n", ["use demo_db", "select 1"], ""),
}


@pytest.mark.parametrize("case", POSTGRES)
def test_postgres(case: str) -> None:
    text, statements, rest = POSTGRES[case]
    assert split_postgres(text) == (statements, rest)


@pytest.mark.parametrize("case", MYSQL)
def test_mysql(case: str) -> None:
    text, statements, rest = MYSQL[case]
    assert split_mysql(text) == (statements, rest)


def test_the_data_of_a_copy_come_apart_from_its_statement() -> None:
    text = "-- a; b\ncopy t (\n a) from stdin with (delimiter ';');\n1;2\n\\.\n"
    [statement], rest = split_postgres(text)
    assert rest == ""
    assert copy_parts(statement) == ("-- a; b\ncopy t (\n a) from stdin with (delimiter ';')", "1;2\n")
    assert copy_parts("copy t to stdout") == ("copy t to stdout", None)


def test_a_delimiter_of_an_earlier_text_holds() -> None:
    assert split_mysql(f"{PROCEDURE} //", "//") == ([PROCEDURE], "")


@pytest.mark.parametrize("split", [split_postgres, split_mysql])
def test_a_text_cut_anywhere_loses_nothing(split: object) -> None:
    """Whatever is typed so far, the complete statements stay as they are when more is typed."""
    text = "select 'a;b'; /* x; */ insert into t values (1, \"c\"); delete from t where a = 'it''s';"
    whole, rest = split(text)  # type: ignore[operator]
    assert (len(whole), rest) == (3, "")
    for cut in range(len(text)):
        found, _ = split(text[:cut])  # type: ignore[operator]
        assert found == whole[: len(found)]


@pytest.mark.parametrize("split", [split_postgres, split_mysql])
def test_a_large_script_is_cut_in_time_that_grows_with_its_size(split: object) -> None:
    import time

    row = "insert into t values (1, 'it''s; a /* value', \"b\"); -- comment\n"
    began = time.process_time()
    statements, _ = split(row * 20_000)  # type: ignore[operator]
    assert len(statements) == 20_000
    assert time.process_time() - began < 20
