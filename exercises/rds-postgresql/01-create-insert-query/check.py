"""Checks of the first PostgreSQL exercise. The applicants vary with the seed."""

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
    ctx.rows(f"grant select on applicants to {ctx.learner.user}")
    applicants = dict(zip(names, positions, strict=True))
    return {
        "engineers": sorted(n for n in names if applicants[n] == POSITIONS[0]),
        "applicants": sorted(names),
    }


@check(points=1)
def database(ctx):
    """There is a database `demo_db`."""
    if not ctx.rows("select 1 from pg_database where datname = %s", [DATABASE]):
        raise Missing(f"Database {DATABASE}")


@check(points=2, after=[database])
def table(ctx):
    """In it there is a table `employees` whose columns `name` and `position` take texts of 50 characters."""
    columns = dict(
        ctx.rows(
            "select column_name, coalesce(character_maximum_length, case data_type when 'text' then 50 end)"
            " from information_schema.columns join information_schema.tables using (table_schema, table_name)"
            " where table_name = 'employees' and table_schema = 'public' and table_type = 'BASE TABLE'",
            database=DATABASE,
        )
    )
    if not columns:
        raise Missing(f"Table employees in database {DATABASE}")
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
        "select a.attname from pg_index i"
        " join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)"
        " where i.indisprimary and i.indrelid = 'public.employees'::regclass",
        database=DATABASE,
    )
    if not key:
        raise Missing("The primary key of employees")
    if key != [("id",)]:
        raise Mismatch(
            "The primary key of employees", expected="id", found=", ".join(name for (name,) in key)
        )
    import psycopg2

    with ctx.trial("Inserting a row into employees", DATABASE) as learner:
        try:
            # Twice: a fixed default would do for the first.
            for _ in range(2):
                learner("insert into public.employees (name, position) values ('Nobody', 'None')")
        except psycopg2.Error as problem:
            if problem.diag.column_name == "id":
                raise Missing("A number for a row that is inserted without an id") from problem
            found = problem.diag.message_primary
            raise Mismatch("A row with a name and a position", expected="taken", found=found) from problem


@check(points=3, after=[table])
def two_employees(ctx):
    """The table holds John Doe, Engineer, and Jane Doe, Manager, and nobody else."""
    with ctx.trial("Reading employees", DATABASE) as learner:
        found = learner("select name, position from public.employees order by 1, 2")
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
