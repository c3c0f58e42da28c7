"""Checks of the first MySQL exercise. The applicants vary with the seed."""

import random

from sandbox.grading import Mismatch, Missing, check

DATABASE = "demo_db"
EMPLOYEES = [("Jane Doe", "Manager"), ("John Doe", "Engineer")]
FIRST = ("Ada", "Bo", "Carla", "Dev", "Esme", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Luis")
LAST = ("Adler", "Berg", "Castro", "Dubois", "Endo", "Fischer", "Garcia", "Haas", "Ivanov", "Jensen")
POSITIONS = ("Engineer", "Manager", "Analyst")


def prepare(ctx):
    """A table of applicants, some of them engineers, in an order that is not the alphabet's."""
    draw = random.Random(ctx.seed)
    names = draw.sample([f"{first} {last}" for first in FIRST for last in LAST], 9)
    wanted = [POSITIONS[0]] * draw.choice((3, 4, 5))
    others = [draw.choice(POSITIONS[1:]) for _ in range(len(names) - len(wanted))]
    positions = draw.sample([*wanted, *others], len(names))
    ctx.rows("create table applicants (name varchar(50) primary key, position varchar(50) not null)")
    for row in zip(names, positions, strict=True):
        ctx.rows("insert into applicants values (%s, %s)", row)
    applicants = dict(zip(names, positions, strict=True))
    return {
        "engineers": sorted(n for n in names if applicants[n] == POSITIONS[0]),
        "applicants": sorted(names),
    }


@check(points=1)
def database(ctx):
    """There is a database `demo_db`."""
    if not ctx.rows("select 1 from information_schema.schemata where schema_name = %s", [DATABASE]):
        raise Missing(f"Database {DATABASE}")


@check(points=2, after=[database])
def table(ctx):
    """In it there is a table `employees` whose columns `name` and `position` take texts of 50 characters."""
    columns = dict(
        ctx.rows(
            "select column_name, character_maximum_length from information_schema.columns"
            " where table_name = 'employees' and table_schema = %s",
            [DATABASE],
        )
    )
    if not columns:
        raise Missing(f"Table employees in database {DATABASE}")
    # A view could run functions of the learner with the rights of whoever reads it.
    kind = ctx.scalar(
        "select table_type from information_schema.tables"
        " where table_name = 'employees' and table_schema = %s",
        [DATABASE],
    )
    if kind != "BASE TABLE":
        raise Mismatch("employees", expected="a table", found=str(kind).lower())
    for name in ("id", "name", "position"):
        if name not in columns:
            raise Missing(f"Column {name} of employees")
    for name in ("name", "position"):
        if columns[name] is None:
            raise Missing(f"A type of text for column {name}")
        if columns[name] < 50:
            raise Mismatch(f"The longest text in {name}", expected=50, found=columns[name])


@check(points=3, after=[table])
def numbered(ctx):
    """`id` is the primary key, and a row inserted without an id gets one from the server."""
    key = ctx.rows(
        "select column_name from information_schema.key_column_usage where constraint_name = 'PRIMARY'"
        " and table_name = 'employees' and table_schema = %s order by ordinal_position",
        [DATABASE],
    )
    if not key:
        raise Missing("The primary key of employees")
    if key != [("id",)]:
        raise Mismatch(
            "The primary key of employees", expected="id", found=", ".join(name for (name,) in key)
        )
    numbers = ctx.scalar(
        "select extra from information_schema.columns where column_name = 'id'"
        " and table_name = 'employees' and table_schema = %s",
        [DATABASE],
    )
    if "auto_increment" not in numbers:
        raise Missing("A number for a row that is inserted without an id")


@check(points=3, after=[table])
def two_employees(ctx):
    """The table holds John Doe, Engineer, and Jane Doe, Manager, and nobody else."""
    found = ctx.rows("select name, position from employees order by 1, 2", database=DATABASE)
    if len(found) != len(EMPLOYEES):
        raise Mismatch("The number of rows in employees", expected=len(EMPLOYEES), found=len(found))
    for expected, row in zip(EMPLOYEES, found, strict=True):
        if row != expected:
            raise Mismatch("A row of employees", expected=expected, found=row)


@check(points=2)
def engineers_wanted(ctx):
    """The names of those who applied as Engineer were shown, in the order of the alphabet."""
    engineers, applicants = ctx.given["engineers"], ctx.given["applicants"]
    shown = [[str(row[0]) for row in result.rows] for result in ctx.results if result.columns]
    # What a program prints has no rows: the names that stand in it, by where they stand.
    where = {name: ctx.output.find(name) for name in applicants if name in ctx.output}
    shown.append(sorted(where, key=where.get))
    lists = [found for found in shown if set(found) & set(applicants)]
    if not lists:
        raise Missing("A list of applicants in what was printed")
    if engineers not in lists:
        raise Mismatch("The applicants shown", expected=engineers, found=lists[0], show_expected=False)
