"""Checks of what was found by looking around. Sizes, settings and tables vary with the seed."""

import random
import re

from sandbox.grading import Mismatch, Missing, check

BRANCHES = ("north", "south")
NAMES = ("articles", "bins", "counts", "deliveries", "packages", "pallets", "routes", "shelves", "vans")
NOTES = "create table findings (subject text primary key, value text not null)"


def prepare(ctx):
    """Two databases, each with a setting of its own and a schema depot of some tables and views.

    The table that is the largest in all has long values, which do not count in its main file; another one has
    the largest main file."""
    draw = random.Random(ctx.seed)
    rights = f"grant select, insert, update, delete on findings to {ctx.learner.user}"
    ctx.rows(f"{NOTES}; {rights}")
    given = {"larger": draw.choice(BRANCHES)}
    megabytes = dict(zip(BRANCHES, draw.sample((5, 6, 7, 9, 12, 20), 2), strict=True))
    for branch in BRANCHES:
        tables = draw.sample(NAMES, draw.randint(4, 7))
        long, high, *_ = tables
        views = [f"{name}_today" for name in draw.sample(tables, draw.randint(1, 2))]
        ctx.rows(f"create database {branch} template template0 strategy file_copy")
        ctx.rows(f"alter database {branch} set work_mem = '{megabytes[branch]}MB'")
        ctx.rows(
            ";".join(
                [
                    NOTES,
                    rights,
                    "create schema depot",
                    *(
                        f"create table depot.{name} (id int primary key, note text storage external)"
                        for name in tables
                    ),
                    *(f"create view depot.{name} as select 1 as one" for name in views),
                    f"insert into depot.{high} select n, 'on time' from generate_series(1, 1500) n",
                    f"insert into depot.{long} select n, repeat('x', 9000)"
                    f" from generate_series(1, {100 if branch == given['larger'] else 40}) n",
                    f"grant usage on schema depot to {ctx.learner.user}",
                    f"grant select on all tables in schema depot to {ctx.learner.user}",
                ]
            ),
            database=branch,
        )
        given[branch] = {"work_mem": megabytes[branch], "tables": len(tables), "largest": long}
    return given


def _found(ctx, database, subject):
    """The value noted under a subject. The learner may have dropped the table or the whole database."""
    import psycopg2

    try:
        value = ctx.scalar(
            "select value from public.findings where subject = %s", [subject], database=database
        )
    except psycopg2.Error as problem:
        raise Missing(f"Table findings of database {database}, as it was") from problem
    if value is None:
        raise Missing(f"The finding '{subject}' in database {database}")
    return str(value).strip()


def _in_branches(ctx, subject, same):
    for branch in BRANCHES:
        found = _found(ctx, branch, subject)
        expected = ctx.given[branch][subject]
        if not same(expected, found):
            what = f"'{subject}' in database {branch}"
            raise Mismatch(what, expected=expected, found=found[:60], show_expected=False)


def _is_memory(expected, found):
    """Whether a text is so many megabytes, in whatever unit; kilobytes where none is written."""
    parts = re.fullmatch(r"(\d+)\s*(kb|mb|)", found.lower())
    return bool(parts) and int(parts[1]) * (1024 if parts[2] == "mb" else 1) == expected * 1024


def _is_table(expected, found):
    return found.replace('"', "").removeprefix("depot.") == expected


@check(points=1)
def server(ctx):
    """The version of the server is noted in `sandbox`: the number alone."""
    found = _found(ctx, None, "version")
    if found not in (ctx.scalar("show server_version"), ctx.scalar("show server_version_num")):
        raise Mismatch("'version' in database sandbox", expected="the number", found=found[:60])


@check(points=1)
def largest_database(ctx):
    """It is noted in `sandbox` which of `north` and `south` takes more space."""
    found, expected = _found(ctx, None, "largest database"), ctx.given["larger"]
    if found != expected:
        raise Mismatch("'largest database'", expected=expected, found=found[:60], show_expected=False)


@check(points=3)
def settings(ctx):
    """The setting `work_mem` that sessions begin with is noted in `north` and in `south`."""
    _in_branches(ctx, "work_mem", _is_memory)


@check(points=2)
def tables_counted(ctx):
    """The number of tables in the schema `depot` is noted in `north` and in `south`."""
    _in_branches(ctx, "tables", lambda expected, found: found == str(expected))


@check(points=3)
def largest_tables(ctx):
    """The largest table of the schema `depot`, all in all, is noted in `north` and in `south`."""
    _in_branches(ctx, "largest", _is_table)
