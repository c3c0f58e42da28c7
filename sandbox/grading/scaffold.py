"""``sandbox exercise new``: a folder with a small exercise that runs, to be made into one's own.

What is left to write says TODO, and the verifier names each file that still does.
"""

# The statements here are texts for files and are executed by nobody.
# ruff: noqa: S608

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.engines.services import engine_of
from sandbox.errors import UsageError, unknown_name
from sandbox.grading.model import PARTS

THING, PLURAL, MISSPELT = "thing", "things", "thnig"


@dataclass(frozen=True)
class Skeleton:
    """How a service makes one thing. ``make`` is the statement with ``{name}`` for the thing's name, ``look``
    the expression of check.py that is true when it is there."""

    answer: str
    owns: str
    comment: str
    make: str
    look: str


_SQL = Skeleton(
    ".sql",
    f'tables = ["{THING}", "{PLURAL}", "{MISSPELT}"]',
    "-- ",
    "CREATE TABLE {name} (id int PRIMARY KEY, name varchar(50));",
    f"ctx.rows(\"select 1 from information_schema.tables where table_name = '{THING}'\")",
)
_REDIS = Skeleton(".redis", 'keys = ["*"]', "# ", "SET {name} one", f'ctx.connection.exists("{THING}")')
SKELETONS: Mapping[str, Skeleton] = {
    "rds-postgresql": _SQL,
    "aurora-postgresql": _SQL,
    "aurora-mysql": _SQL,
    "elasticache": _REDIS,
    "memorydb": _REDIS,
    "keyspaces": Skeleton(
        ".cql",
        f'keyspaces = ["{THING}", "{PLURAL}", "{MISSPELT}"]',
        "-- ",
        "CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}};",
        f"ctx.rows(\"SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = '{THING}'\")",
    ),
    "documentdb": Skeleton(
        ".js",
        f'databases = ["{THING}", "{PLURAL}", "{MISSPELT}"]',
        "// ",
        "db.getSiblingDB('{name}').items.insertOne({{name: 'one'}})",
        f'"{THING}" in ctx.connection.list_database_names()',
    ),
    "neptune": Skeleton(
        ".gremlin",
        'graphs = ["g"]',
        "// ",
        "g.addV('{name}').property('name', 'one')",
        f'ctx.connection.V().has_label("{THING}").has_next()',
    ),
    "dynamodb": Skeleton(
        ".sh",
        f'tables = ["{THING}", "{PLURAL}", "{MISSPELT}"]',
        "# ",
        "aws dynamodb create-table --table-name {name} --billing-mode PAY_PER_REQUEST"
        " --attribute-definitions AttributeName=id,AttributeType=N"
        " --key-schema AttributeName=id,KeyType=HASH",
        f'"{THING}" in ctx.connection.client("dynamodb").list_tables()["TableNames"]',
    ),
    "kinesis": Skeleton(
        ".sh",
        f'streams = ["{THING}", "{PLURAL}", "{MISSPELT}"]',
        "# ",
        "aws kinesis create-stream --stream-name {name} --shard-count 1",
        f'"{THING}" in ctx.connection.client("kinesis").list_streams()["StreamNames"]',
    ),
    "s3": Skeleton(
        ".sh",
        f'buckets = ["{THING}-*", "{PLURAL}-*", "{MISSPELT}-*"]',
        "# ",
        "aws s3 mb s3://{name}-bucket",
        f'"{THING}-bucket" in [b["Name"] for b in ctx.connection.client("s3").list_buckets()["Buckets"]]',
    ),
}

_TOML = """\
title = "TODO: what the learner does, in a few words"
service = "{service}"
engine = "{engine}"
part = "{part}"            # {parts}
level = 1                  # 1 to 3
minutes = 10
answer = "{answer}"             # the language of starter and solution; answers in .py and .sh pass as well
course_step = "TODO: what the course calls this step"
requires = []              # what the engine must be able to do, such as "transactions"
aws_difference = "TODO: what is different on the managed service"
hints = [
  "TODO: a nudge.",
  "TODO: more.",
  "TODO: nearly the statement.",
]

[needs]
dataset = false            # true: the three tables are there and loaded

[owns]                     # what an answer may make; it is dropped before and after each attempt
{owns}

[[wrong]]
file = "wrong/plural{answer}"
says = "Makes `{plural}` in the place of `{thing}`"
loses = ["thing-there"]

[[wrong]]
file = "wrong/misspelt{answer}"
says = "Mistypes the name"
loses = ["thing-there"]
"""
_README = """\
# TODO: the title

TODO: the situation, in two sentences: who needs what, and what is there already.

1. Make `{thing}`.

**What is checked:** that `{thing}` is there.

**On AWS:** TODO: what is different on the managed service.
"""
_CHECK = '''\
"""TODO: what is checked, and what varies with the seed."""

from sandbox.grading import Missing, check


@check(points=1)
def thing_there(ctx):
    """There is `{thing}`."""
    if not {look}:
        raise Missing("{thing}")
'''


def new(service: str, slug: str, root: Path, *, part: str = "query") -> Path:
    """Make the folder ``<root>/<service>/<nn>-<slug>``, numbered after the last one there; its path.

    UsageError for a name that does not fit or is taken."""
    if service not in SKELETONS:
        raise unknown_name("service", service, SKELETONS, list_command="sandbox exercise list")
    if part not in PARTS:
        raise unknown_name("part", part, PARTS, list_command="sandbox exercise new --help")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,60}", slug):
        raise UsageError(
            f"{slug!r} cannot name an exercise.",
            code="bad-slug",
            detail="Small letters, digits and hyphens, such as join-two-tables.",
        )
    taken = [path.name for path in (root / service).glob("[0-9][0-9]-*")]
    if any(name[3:] == slug for name in taken):
        raise UsageError(f"{root / service} has an exercise {slug!r} already.", code="exercise-exists")
    number = max((int(name[:2]) for name in taken), default=0) + 1
    folder = root / service / f"{number:02}-{slug}"
    for name, text in _files(service, part).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def _files(service: str, part: str) -> dict[str, str]:
    found, engine = SKELETONS[service], engine_of(service)
    words = {
        "service": service,
        "engine": engine,
        "part": part,
        "parts": " ".join(PARTS),
        "answer": found.answer,
        "owns": found.owns,
        "look": found.look,
        "thing": THING,
        "plural": PLURAL,
    }

    def answer(name: str, said: str) -> str:
        return f"{found.comment}{said}\n{found.make.format(name=name)}\n"

    return {
        "exercise.toml": _TOML.format(**words),
        "README.md": _README.format(**words),
        "check.py": _CHECK.format(**words),
        f"starter{found.answer}": f"{found.comment}1. Make {THING}\n",
        f"solution{found.answer}": answer(THING, f"1. Make {THING}"),
        f"wrong/plural{found.answer}": answer(PLURAL, "Made under another name"),
        f"wrong/misspelt{found.answer}": answer(MISSPELT, "Mistyped"),
    }
