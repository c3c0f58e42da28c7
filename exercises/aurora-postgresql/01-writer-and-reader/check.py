"""Checks of writer and reader. Their names, and which one stands first, vary with the seed."""

import random
import time

from sandbox.grading import Mismatch, Missing, check

LONGEST = 1000
# What a string may say of where it leads; who connects there is the check, as the learner.
KEPT = ("host", "hostaddr", "port", "target_session_attrs", "load_balance_hosts")
PROMOTION_SECONDS = 60.0


def prepare(ctx):
    """The file with the endpoints of writer and reader."""
    draw = random.Random(ctx.seed)
    names = [f"shop-{number}" for number in draw.sample(range(10, 100), 2)]
    instances = zip(names, (ctx.endpoint, ctx.replicas[0]), strict=True)
    writer, reader = ((name, each.host, each.port) for name, each in instances)
    lines = [f"{name},{host},{port}\n" for name, host, port in draw.sample([writer, reader], 2)]
    (ctx.files / "endpoints.csv").write_text("".join(lines), encoding="utf-8")
    return {"writer": writer, "reader": reader}


@check(points=3)
def roles_told(ctx):
    """On the writer, the table `instances` tells which instance is the writer and which the reader."""
    if ctx.scalar("select to_regclass('public.instances')") is None:
        raise Missing("Table instances on the writer")
    with ctx.trial("Reading instances on the writer") as learner:
        found = sorted(learner("select name::text, role::text from instances"), key=str)
    wanted = sorted(((ctx.given[role][0], role) for role in ("writer", "reader")), key=str)
    if found != wanted:
        raise Mismatch("The rows of instances", expected=wanted, found=found, show_expected=False)


def _connected(ctx, name):
    """Where the connection string of a file leads: name of the instance, or a Mismatch."""
    import psycopg2
    from psycopg2.extensions import parse_dsn

    path = ctx.work / name
    if not path.is_file():
        raise Missing(f"The file {name}")
    text = path.read_bytes()[:LONGEST].decode("utf-8", "replace").strip()
    try:
        said = parse_dsn(text)
    except (psycopg2.Error, ValueError) as problem:
        raise Mismatch(name, expected="a connection string", found=str(problem).strip()) from problem
    if not text or "port" not in said:
        raise Mismatch(f"The ports in {name}", expected="one or two", found=said.get("port", "none"))
    # Nowhere else: another server could say what it likes.
    ports = {str(ctx.given[role][2]) for role in ("writer", "reader")}
    hosts = set(",".join(said.get(key, "127.0.0.1") for key in ("host", "hostaddr")).split(","))
    if not set(said["port"].split(",")) <= ports or not hosts <= {"127.0.0.1", "localhost"}:
        where = f"{', '.join(sorted(hosts))} at {said['port']}"
        raise Mismatch(f"The instances in {name}", expected="those of endpoints.csv", found=where)
    try:
        connection = psycopg2.connect(
            **{key: value for key, value in said.items() if key in KEPT},
            user=ctx.learner.user,
            password=ctx.learner.password,
            dbname=ctx.learner.database,
            connect_timeout=60,
            options="",
            gssencmode="disable",
        )
    except (psycopg2.Error, ValueError) as problem:
        raise Mismatch(f"Connecting by {name}", expected="done", found=str(problem).strip()) from problem
    try:
        port = connection.info.port
    finally:
        connection.close()
    return next(role for role in ("writer", "reader") if ctx.given[role][2] == port)


def _demand(ctx, name, role, after=""):
    found = _connected(ctx, name)
    if found != role:
        wanted, held = (f"{ctx.given[each][0]}{after}" for each in (role, found))
        raise Mismatch(f"Where {name} leads", expected=wanted, found=held, show_expected=False)


@check(points=2)
def writer_reached(ctx):
    """The connection string in `writer.txt` leads to the writer."""
    _demand(ctx, "writer.txt", "writer")


@check(points=2)
def reader_reached(ctx):
    """The connection string in `reader.txt` leads to the reader."""
    _demand(ctx, "reader.txt", "reader")


@check(points=3, after=[writer_reached])
def failed_over(ctx):
    """When the writer is gone and the reader was promoted, `writer.txt` leads to that one."""
    from sandbox.engines.postgres_guard import guarded_connection
    from sandbox.grading import CannotTell

    ctx.close()
    ctx.instance.kill()
    promoted = guarded_connection(ctx.replicas[0])
    try:
        with promoted.cursor() as cursor:
            cursor.execute("select pg_promote(false)")
            until = time.monotonic() + PROMOTION_SECONDS
            while True:
                cursor.execute("select pg_is_in_recovery()")
                if not cursor.fetchone()[0]:
                    break
                if time.monotonic() > until:
                    raise CannotTell("The reader did not become a writer.")
                time.sleep(0.02)
    finally:
        promoted.close()
    _demand(ctx, "writer.txt", "reader", " after the failover")
