"""What an attempt may need beyond one run on one engine: files, a second run, a crash, other engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.errors import UsageError
from sandbox.events import Warned
from sandbox.grading import runner
from sandbox.grading.exercise import Exercise
from sandbox.grading.place import Place
from sandbox.grading.places import places
from sandbox.sandbox import Sandbox

Make = Callable[..., Exercise]

FILES_CHECK = """\
from sandbox.grading import Mismatch, Missing, check

def prepare(ctx):
    (ctx.files / "number.txt").write_text(str(ctx.seed))

@check(points=1)
def doubled(ctx):
    "The double lies beside the number."
    made = ctx.work / "double.txt"
    if not made.is_file():
        raise Missing("double.txt")
    if made.read_text() != str(2 * ctx.seed):
        raise Mismatch("double.txt", expected=2 * ctx.seed, found=made.read_text())
"""


def answer(folder: Path, text: str, suffix: str = ".py") -> Path:
    file = folder / f"answer{suffix}"
    file.write_text(text)
    return file


def test_a_file_that_prepare_writes_lies_before_the_answer_and_what_it_writes_lies_before_the_checks(
    place: Place, make: Make, tmp_path: Path
) -> None:
    exercise = make(**{"check.py": FILES_CHECK})
    double = "open('double.txt', 'w').write(str(2 * int(open('number.txt').read())))"
    assert runner.grade(exercise, answer(tmp_path, double), place, seed=21).passed
    result = runner.grade(exercise, answer(tmp_path, "pass"), place, seed=21)
    assert [c.message for c in result.checks] == ["double.txt is missing."]


def test_a_link_that_an_answer_leaves_leads_no_check_astray(place: Place, make: Make, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("42")
    exercise = make(**{"check.py": FILES_CHECK})
    linked = f"import os; os.symlink({str(secret)!r}, 'double.txt')"
    result = runner.grade(exercise, answer(tmp_path, linked), place, seed=21)
    assert [c.message for c in result.checks] == ["double.txt is missing."]


TWICE = """\
from sandbox.grading import Mismatch, check

def crash(ctx):
    return ctx.connection.llen("seen") >= 3

def between(ctx):
    ctx.connection.set("between", ctx.run)

@check(points=1)
def crashed(ctx):
    "The first run was ended."
    if not ctx.crashed:
        raise Mismatch("The first run", expected="crash", found="none")

@check(points=1)
def resumed(ctx):
    "The second run went on where the first was ended."
    found = [int(one) for one in ctx.connection.lrange("seen", 0, -1)]
    if found != list(range(10)):
        raise Mismatch("What was seen", expected=list(range(10)), found=found)
    if ctx.connection.get("between") != "1":
        raise Mismatch("between", expected="1", found=ctx.connection.get("between"))
"""
CONSUMER = """\
import os, time, redis, pathlib
r = redis.Redis.from_url(os.environ["REDIS_URL"])
done = pathlib.Path("checkpoint")
first = int(done.read_text()) + 1 if done.exists() else 0
for number in range(first, 10):
    # It is ended as soon as it has told of the third.
    done.write_text(str(number))
    r.rpush("seen", number)
    if os.environ["SANDBOX_RUN"] == "1" and number >= 2:
        time.sleep(600)
print(os.environ["SANDBOX_RUN"])
"""


def test_an_answer_that_crashes_at_a_known_state_is_run_again_in_its_folder(
    place: Place, make: Make, tmp_path: Path
) -> None:
    exercise = make(extra="[run]\ntimes = 2\n", **{"check.py": TWICE})
    result = runner.grade(exercise, answer(tmp_path, CONSUMER), place, seed=1)
    assert result.passed, result
    assert (result.output, result.problem) == ("2\n", "")
    begun_anew = CONSUMER.replace("if done.exists()", "if False")
    result = runner.grade(exercise, answer(tmp_path, begun_anew), place, seed=1)
    assert [str(c.outcome) for c in result.checks] == ["passed", "failed"]


LOST = """\
from sandbox.grading import Mismatch, check

def between(ctx):
    ctx.instance.kill()

@check(points=1)
def lost(ctx):
    "The second run met no server."
    if [text.strip() for text in ctx.outputs] != ["True", "ConnectionError"]:
        raise Mismatch("The outputs", expected=[], found=ctx.outputs)
    if not ctx.instance.killed:
        raise Mismatch("The instance", expected="dead", found="alive")
"""
PING = """\
import os, redis
try:
    print(redis.Redis.from_url(os.environ["REDIS_URL"]).ping())
except redis.ConnectionError as error:
    print(type(error).__name__)
"""


def test_an_instance_that_the_exercise_killed_stays_dead(place: Place, make: Make, tmp_path: Path) -> None:
    exercise = make(extra="[needs]\ninstance = true\n[run]\ntimes = 2\n", **{"check.py": LOST})
    events: list[object] = []
    result = runner.grade(exercise, answer(tmp_path, PING), place, seed=1, sink=events.append)
    assert result.passed, result
    assert not [event for event in events if isinstance(event, Warned)]


OTHER = """\
from sandbox.grading import Mismatch, check

def prepare(ctx):
    ctx.connection.set("greeting", f"hello {ctx.seed}")

@check(points=1)
def copied(ctx):
    "The greeting is in the table."
    with ctx.on("postgres").trial("Reading greetings") as learner:
        found = learner("select text from greetings")
    if found != [(f"hello {ctx.seed}",)]:
        raise Mismatch("greetings", expected="the greeting", found=found)
"""
COPY = """\
import os, psycopg2, redis
text = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True).get("greeting")
connection = psycopg2.connect("")
with connection, connection.cursor() as cursor:
    cursor.execute("create table greetings (text text)")
    cursor.execute("insert into greetings values (%s)", [text])
"""


def test_an_exercise_on_two_engines_has_a_namespace_on_both(
    sandbox: Sandbox, engine_up: Callable[[str], tuple[Engine, Endpoint]], make: Make, tmp_path: Path
) -> None:
    for name in ("redis", "postgres"):
        engine_up(name)
    more = '[needs]\nengines = ["postgres"]\n[also.postgres]\ntables = ["greetings"]\n'
    exercise = make(extra=more, **{"check.py": OTHER})
    place = places([exercise], sandbox)["redis"]
    for seed in (1, 2):
        result = runner.grade(exercise, answer(tmp_path, COPY), place, seed=seed)
        assert result.passed, result
    runner.reset(exercise, place)
    result = runner.grade(exercise, answer(tmp_path, "pass"), place, seed=3, keep=False)
    assert "Reading greetings" in result.checks[0].message  # the table of the attempt before is gone


def test_choices_need_no_engine(sandbox: Sandbox, tmp_path: Path, make: Make) -> None:
    check = """\
from sandbox.grading import Mismatch, check

@check(points=1)
def chosen(ctx):
    "The choice is right."
    if ctx.choices.get("shop") != "aurora":
        raise Mismatch("shop", expected="?", found=ctx.choices.get("shop"), show_expected=False)
"""
    exercise = make(**{"check.py": check})
    toml = exercise.folder / "exercise.toml"
    toml.write_text(toml.read_text().replace('"redis"', '"none"').replace('".redis"', '".toml"', 1))
    from sandbox.grading.exercise import load

    exercise = load(exercise.folder)
    place = places([exercise], sandbox)["none"]
    assert runner.grade(exercise, answer(tmp_path, 'shop = "aurora"', ".toml"), place, seed=1).passed
    result = runner.grade(exercise, answer(tmp_path, "shop = ", ".toml"), place, seed=1)
    assert not result.passed
    assert "not right TOML" in result.problem


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ('[needs]\nengines = ["oracle"]\n', "needs.engines"),
        ('[also.postgres]\ntables = ["t"]\n', "also.postgres"),
        ("[run]\ntimes = 9\n", "run.times"),
    ],
)
def test_an_exercise_that_asks_for_what_cannot_be_is_refused(make: Make, extra: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        make(extra=extra)
    assert said in refused.value.detail
