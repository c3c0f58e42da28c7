"""What an answer leaves in PostgreSQL to be run by others gains nothing: neither rights nor points.

Every attack here succeeds against a check that reads the learner's things over a plain connection of the
administrator.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.grading import runner
from sandbox.grading.exercise import Exercise, find, load
from sandbox.grading.model import ExerciseResult
from sandbox.grading.place import Place
from sandbox.sandbox import Sandbox
from tests.integration.conftest import TOML

Try = Callable[..., ExerciseResult]

CHECK = '''\
"""A note that was there, and what the answer made of it."""
from sandbox.grading import Mismatch, Missing, check


def prepare(ctx):
    ctx.rows("create table notes (number int, said varchar(20), price numeric)")
    ctx.rows("insert into notes values (1, 'one', 1.5)")
    ctx.rows(f"grant all on notes to {ctx.learner.user}")
    ctx.rows("create sequence marks owned by notes.number")


@check(points=1)
def kept(ctx):
    """`notes` has a row that says `one`, and nothing of the price is lost."""
    found = ctx.rows("select price, number from public.notes where lower(said) = 'one' and said like 'o%%'")
    if sum(price for price, _ in sorted(found)) != 1.5:
        raise Mismatch("The price", expected=1.5, found=str(found))


@check(points=1)
def structured(ctx):
    """`copies` has a column `said`."""
    found = ctx.rows(
        "select n.nspname || '.' || relname, format_type(atttypid, null) from pg_class c"
        " join pg_namespace n on n.oid = relnamespace join pg_attribute a on a.attrelid = c.oid"
        " where relname like 'copies' and attname = 'said'"
    )
    if not found:
        raise Missing("Column said of copies")


@check(points=2)
def copied(ctx):
    """`copies` has the row of `notes`, and takes another one."""
    with ctx.trial("Reading copies") as learner:
        held = learner("select number, said, price from copies")
        learner("insert into copies (number, said, price) values (2, 'two', 2)")
        learner("select 1 from copies where number = 2")
    if [(n, said) for n, said, _ in held] != [(1, "one")]:
        raise Mismatch("The rows of copies", expected=[(1, "one")], found=held)


@check(points=1)
def seen_by_others(ctx):
    """The role `reader` may read `copies` and may not write there."""
    with ctx.trial("Working as reader", role="reader") as reader:
        if isinstance(reader.tried("select number from copies"), Exception):
            raise Mismatch("reader: copies", expected="rows", found="refused")
        if not isinstance(reader.tried("insert into copies values (3, 'three', 3)"), Exception):
            raise Mismatch("reader: a new row", expected="refused", found="done")


@check(points=1)
def untouched(ctx):
    """Nobody has marked what only the administrator can; no rollback takes that back."""
    if ctx.scalar("select is_called from public.marks"):
        raise Mismatch("marks", expected="untouched", found="marked")
'''
OWNS = '[owns]\ntables = ["notes", "copies"]\nviews = ["copies"]\nfunctions = ["*"]\nschemas = ["own"]\n'
RIGHT = """
create table copies as select * from notes;
create role reader;
grant select on copies to reader;
"""
# What whoever runs it can do and the learner cannot.
DEED = """
create or replace function public.deed() returns void language plpgsql as $$
begin
  begin
    reset role;
    perform setval('public.marks', 1);
    alter role learner superuser;
  exception when others then null;
  end;
end $$;
"""


def evil(name: str, args: str = "", returns: str = "boolean", value: str = "true", more: str = "") -> str:
    """A function that gives a value and tries to do the deed."""
    body = f"begin perform public.deed(); return {value}; end"
    return f"{DEED} create function {name}({args}) returns {returns} language plpgsql {more} as $$ {body} $$;"


@pytest.fixture
def place(sandbox: Sandbox, engine_up: Callable[[str], tuple[Engine, Endpoint]]) -> Place:
    engine_up("postgres")
    return sandbox.place("postgres")


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    folder = tmp_path / "rds-postgresql" / "01-copies"
    folder.mkdir(parents=True)
    owns = OWNS + 'roles = ["reader"]\ndatabases = ["mine"]\n'
    toml = TOML.format(service="rds-postgresql", engine="postgres", suffix=".sql", extra=owns)
    (folder / "exercise.toml").write_text(toml)
    (folder / "check.py").write_text(CHECK)
    return load(folder)


@pytest.fixture
def attempt(place: Place, exercise: Exercise, tmp_path: Path) -> Try:
    """Grade an answer; whatever it did, the server is whole afterwards."""

    def graded(text: str, suffix: str = ".sql", **checks: str) -> ExerciseResult:
        for old, new in checks.items():
            (exercise.folder / "check.py").write_text(CHECK.replace(old, new))
        file = tmp_path / f"answer{suffix}"
        file.write_text(text)
        result = runner.grade(exercise, file, place, seed=1, keep=False)
        assert whole(place), result
        return result

    return graded


def whole(place: Place) -> bool:
    """No role but those of the sandbox, the learner without rights, nothing of the learner's."""
    with place.engine.connect(place.endpoint) as connection, connection.cursor() as cursor:
        found: dict[str, Any] = {}
        for what, statement in {
            "roles": "select rolname from pg_roles where oid >= 16384 and rolname <> 'learner'",
            "rights": "select rolname from pg_roles where rolname = 'learner'"
            " and (rolsuper or rolcreatedb or rolcreaterole)",
            "relations": "select relname from pg_class where oid >= 16384"
            " and relnamespace = 'public'::regnamespace"
            " and relkind in ('r', 'v', 'm') and relname not in ('customers', 'employees', 'orders')",
            "functions": "select proname from pg_proc where oid >= 16384",
            "operators": "select oprname from pg_operator where oid >= 16384",
            "schemas": "select nspname from pg_namespace where oid >= 16384 and nspname not like 'pg\\_%'",
            "databases": "select datname from pg_database where datname not in"
            " ('sandbox', 'sandbox_template', 'postgres', 'template0', 'template1')",
            "sessions": "select pid from pg_stat_activity where usename = 'learner'",
        }.items():
            cursor.execute(statement)
            found[what] = cursor.fetchall()
    assert not any(found.values()), found
    return True


def outcomes(result: ExerciseResult) -> list[str]:
    return [str(check.outcome) for check in result.checks]


ALL = ["passed"] * 5


def test_a_right_answer_passes(attempt: Try) -> None:
    result = attempt(RIGHT)
    assert outcomes(result) == ALL, result


ATTACKS = {
    "a view": evil("more") + "create view copies as select number, said, price from notes where more();"
    "create role reader; grant select on copies to reader;",
    "a trigger": RIGHT
    + evil("more", returns="trigger", value="new")
    + "create trigger t before insert on copies for each row execute function more();",
    "a policy": RIGHT
    + evil("more", more="stable")
    + "alter table copies enable row level security; create policy p on copies using (more());",
    "the condition of an index": RIGHT
    + evil("more", "int", value="true", more="immutable")
    + "create index on copies (number) where more(3);",
    "a function that fits better": RIGHT + evil("lower", "varchar", "text", "'one'"),
    "an operator that fits better": RIGHT
    + evil("same", "name, name")
    + "create operator ~~ (function = same, leftarg = name, rightarg = name);"
    + evil("joined", "name, name", "text", "'x'")
    + "create operator || (function = joined, leftarg = name, rightarg = name);",
    "functions of the clearing": RIGHT
    + evil("pg_terminate_backend", "int, int")
    + evil("format_type", "oid, text", "text", "'text'"),
    "a cast": evil("text", "said", "text", "'one'").replace(
        "create function", "create type said as (said text); create function"
    )
    + "create cast (said as text) with function text(said) as implicit;"
    "create table copies as select number, row(said)::said as said, price from notes;"
    "create role reader; grant select on copies to reader;",
    "a trigger on the administrator's table": RIGHT
    + evil("more", returns="trigger", value="new")
    + "create trigger t before insert or update or delete on notes for each row execute function more();",
    "a schema of the administrator's name": RIGHT
    + "create schema postgres; create table postgres.notes as select 1 as number;"
    + evil("postgres.pg_terminate_backend", "int, int"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_code_that_waits_for_a_superuser_never_meets_one(attack: str, attempt: Try) -> None:
    result = attempt(ATTACKS[attack])
    assert result.problem == "", result.problem
    assert "unknown" not in outcomes(result), result
    assert outcomes(result)[-1] == "passed", result


def test_a_function_made_by_a_role_of_the_learner_does_not_become_the_administrators(
    attempt: Try, place: Place
) -> None:
    schema = "create schema own; grant usage, create on schema own to reader; grant reader to learner;"
    result = attempt(RIGHT + schema + "set role reader;" + evil("own.more", more="security definer"))
    assert outcomes(result) == ALL, result


def test_a_lock_that_outlives_its_client_is_gone_before_the_checks(attempt: Try) -> None:
    held = f"""
import os, psycopg2, threading
connection, other = psycopg2.connect(""), psycopg2.connect("")
other.autocommit = True
cursor = connection.cursor()
cursor.execute({RIGHT!r})
connection.commit()
def killed_when_it_sleeps():
    with other.cursor() as look:
        asleep = "select 1 from pg_stat_activity where pid = %s and wait_event = 'PgSleep'"
        while not look.rowcount > 0:
            look.execute(asleep, [connection.info.backend_pid])
    os.kill(os.getpid(), 9)
cursor.execute("lock table notes, copies in access exclusive mode")
threading.Thread(target=killed_when_it_sleeps).start()
cursor.execute("select pg_sleep(3600)")
"""
    # The client is killed; its session sleeps on with the lock.
    result = attempt(held, ".py")
    assert "SIGKILL" in result.problem
    assert outcomes(result) == ALL, result


NEVER_ENDS = """
create function {name}() returns trigger language plpgsql as $$
begin
  {first}
  loop begin perform pg_sleep(100); exception when query_canceled then null; end; end loop;
end $$;
create trigger t before insert on copies for each row execute function {name}();
"""


@pytest.mark.parametrize("first", ["", "perform set_config('statement_timeout', '0', false);"])
def test_a_function_that_never_ends_loses_its_check_and_makes_none_unknown(first: str, attempt: Try) -> None:
    result = attempt(RIGHT + NEVER_ENDS.format(name="stays", first=first))
    assert outcomes(result) == ["passed", "passed", "failed", "passed", "passed"], result
    assert "no end" in result.checks[2].message


@pytest.mark.parametrize(
    "value",
    ["(1, 'one', 'NaN')", "(1, 'one', 'Infinity')", "(1, 'one', 1.5), (2, 'one', 'NaN')"],
)
def test_a_number_that_is_none_loses_the_check(value: str, attempt: Try) -> None:
    result = attempt(RIGHT + f"delete from notes; insert into notes values {value};")
    assert outcomes(result) == ["failed", *ALL[1:]], result
    result = attempt(RIGHT + f"truncate copies; insert into copies values {value};")
    assert outcomes(result)[2] == "failed", result


@pytest.mark.parametrize(
    "column",
    [
        "date '0044-03-15 BC'",
        "timestamptz '20000-01-01'",
        "(repeat('[', 3000) || repeat(']', 3000))::jsonb",
        "('9' || repeat('9', 9000))::jsonb",
    ],
)
def test_a_value_that_python_has_not_loses_the_check(column: str, attempt: Try) -> None:
    made = f"create table copies as select number, said, {column} as price from notes; create role reader;"
    result = attempt(made + "grant select on copies to reader;")
    assert outcomes(result) == ["passed", "passed", "failed", "passed", "passed"], result


def test_a_view_without_end_fills_no_memory(attempt: Try) -> None:
    endless = "create view copies as select a.salesorderid as number, 'x' as said, 1.5 as price"
    endless += " from orders a, orders b, orders c; create role reader; grant select on copies to reader;"
    result = attempt(endless)
    assert outcomes(result)[2] == "failed", result
    assert "at most 100000 rows" in result.checks[2].message


def test_settings_of_role_and_database_change_no_check(attempt: Try, place: Place, tmp_path: Path) -> None:
    for setting in (
        "search_path = pg_temp",
        "statement_timeout = 1",
        "default_transaction_read_only = on",
        "role = reader",
        "client_encoding = mule_internal",
        "transaction_timeout = 1",
    ):
        result = attempt(RIGHT + f"alter role learner set {setting};")
        assert outcomes(result) == ALL, (setting, result)


DATABASE = "rds-postgresql/01-create-insert-query"
DATABASE_ANSWER = (find(DATABASE).solution).read_text()


@pytest.mark.parametrize(
    ("trick", "lost"),
    [
        ("alter database demo_db set search_path = public, pg_catalog;", []),
        ("alter database demo_db set default_transaction_read_only = on;", []),
        ("alter database demo_db set statement_timeout = 1;", []),
        ("alter database demo_db set transaction_timeout = 1;", []),
        ("alter database demo_db set role = learner;", []),
        ("\\c sandbox\nalter database demo_db with allow_connections false;", ["table"]),
        (
            evil("same", "information_schema.sql_identifier, information_schema.sql_identifier")
            + "create operator = (function = same, leftarg = information_schema.sql_identifier,"
            " rightarg = information_schema.sql_identifier);",
            [],
        ),
        (
            "create schema postgres; create table postgres.employees (id int);"
            + evil("format_type", "oid, text", "text", "'text'"),
            [],
        ),
    ],
)
def test_the_owner_of_a_database_turns_no_check_of_it(
    trick: str, lost: list[str], place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "answer.sql"
    file.write_text(f"{DATABASE_ANSWER}\n{trick}\n")
    result = runner.grade(find(DATABASE), file, place, seed=1, keep=False)
    assert whole(place)
    assert [c.id for c in result.checks if str(c.outcome) == "failed"] == lost, result
    assert "unknown" not in outcomes(result), result


WITNESS = "rds-postgresql/05-two-connections"


def test_the_witness_of_two_connections_runs_nothing_of_the_learners(place: Place, tmp_path: Path) -> None:
    trick = evil("setval", "text, bigint", "bigint", "1") + evil("nextval", "text", "bigint", "1")
    trick += "create temp table witness_notes (what text); create temp table witness_last (last_value int);"
    solution = find(WITNESS).solution.read_text()
    file = tmp_path / "answer.py"
    before = f"\nwith a.cursor() as cursor:\n    cursor.execute({trick!r})\na.commit()\n"
    assert "\n\ndef one(" in solution
    file.write_text(solution.replace("\n\ndef one(", f"{before}\n\ndef one(", 1))
    result = runner.grade(find(WITNESS), file, place, seed=1, keep=False)
    assert result.passed, result
    assert whole(place)


def test_a_check_that_reads_a_view_as_administrator_cannot_tell(attempt: Try) -> None:
    view = "create view copies as select * from notes; create role reader; grant select on copies to reader;"
    old = '    with ctx.trial("Reading copies") as learner:\n'
    plain = '    ctx.rows("select number, said, price from public.copies")\n'
    result = attempt(view, **{old: plain + old})
    assert outcomes(result)[2] == "unknown", result
    assert "view" in result.checks[2].message


def test_what_a_trial_does_stays_only_when_the_check_says_commit(attempt: Try) -> None:
    old = '        learner("select 1 from copies where number = 2")\n'
    looked = '    assert not ctx.rows("select 1 from public.copies where number = 2"), "it is there"\n'
    assert outcomes(attempt(RIGHT, **{old: old + looked})) == ALL
    committed = '        learner("commit")\n' + looked
    assert outcomes(attempt(RIGHT, **{old: committed}))[2] == "failed"


def test_a_lock_that_outlives_its_client_is_gone_in_mysql_as_well(
    sandbox: Sandbox, engine_up: Callable[[str], tuple[Engine, Endpoint]], tmp_path: Path
) -> None:
    engine_up("mysql")
    exercise = find("aurora-mysql/01-create-insert-query")
    program = """
import os, pymysql, threading
user, password, host, port = (os.environ["SANDBOX_MYSQL_" + k] for k in ("USER", "PASSWORD", "HOST", "PORT"))
known = {"user": user, "password": password, "host": host, "port": int(port), "autocommit": True}
connection, other = pymysql.connect(**known), pymysql.connect(**known)
cursor = connection.cursor()
def killed_when_it_reckons():
    at_work = "select 1 from information_schema.processlist where id = %s and info like 'select benchmark%%'"
    with other.cursor() as look:
        while not look.execute(at_work, [connection.thread_id()]):
            pass
    os.kill(os.getpid(), 9)
cursor.execute("create database demo_db")
cursor.execute("create table demo_db.employees (id int auto_increment primary key,"
    " name varchar(50), position varchar(50))")
cursor.execute("insert into demo_db.employees (name, position) values"
    " ('John Doe', 'Engineer'), ('Jane Doe', 'Manager')")
cursor.execute("lock tables demo_db.employees write")
threading.Thread(target=killed_when_it_reckons).start()
cursor.execute("select benchmark(1000000000, md5('x'))")
"""
    file = tmp_path / "answer.py"
    file.write_text(program)
    result = runner.grade(exercise, file, sandbox.place("mysql"), seed=1, keep=False)
    assert "SIGKILL" in result.problem
    assert outcomes(result) == ["passed", "passed", "passed", "passed", "failed"], result
