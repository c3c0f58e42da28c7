"""The words of grading: checks, their outcomes, and the results that every report is made of.

An exercise's ``check.py`` holds functions marked with :func:`check`. Each takes a :class:`Context`-like
object (``ctx``, see ``sandbox.grading.context``), looks at the engine's state over the administrator's
connection, and says what it saw::

    from sandbox.grading import Mismatch, Missing, check

    @check(points=2)
    def table_exists(ctx):
        \"\"\"Table `employees` is in database `demo_db`.\"\"\"
        if not ctx.rows("select 1 from information_schema.tables where table_name = 'employees'"):
            raise Missing("table employees in database demo_db")

    @check(points=3, after=[table_exists])
    def two_employees(ctx):
        \"\"\"Two employees are in it.\"\"\"
        found = ctx.scalar("select count(*) from employees")
        if found != 2:
            raise Mismatch("the number of rows in employees", expected=2, found=found)

Returning means passed. ``Missing`` and ``Mismatch`` (also AssertionError with a message) mean failed.
``CannotTell`` or any other exception means unknown: the learner loses nothing by our crash. A check whose
``after`` did not pass is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeVar, get_args

Part = Literal["connect", "create", "query", "monitor", "scale", "backup", "secure"]
PARTS: tuple[Part, ...] = get_args(Part)
"""What a person does with a service, in the order in which it is learnt."""


class Outcome(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Lost(Exception):  # noqa: N818 - it is not an error of the program
    """The learner's state is not what the check asks for."""


class Missing(Lost):
    """Something is not there."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is missing.")
        self.what = what


class Mismatch(Lost):
    """Something is there and differs. ``expected``, which may be the answer, shows when ``show_expected``."""

    def __init__(self, what: str, *, expected: Any, found: Any, show_expected: bool = True) -> None:
        said = (
            f"{what}: expected {expected!r}, found {found!r}."
            if show_expected
            else f"{what}: found {found!r}, which is not right."
        )
        super().__init__(said)
        self.what, self.expected, self.found = what, expected, found


class CannotTell(Exception):  # noqa: N818 - it is not an error of the program
    """The check could not find out; costs the learner nothing."""


@dataclass(frozen=True)
class Check:
    """One graded statement. ``sentence`` is the function's docstring, which the learner reads."""

    id: str
    sentence: str
    points: int
    after: tuple[str, ...]
    function: Callable[[Any], None]


_Function = TypeVar("_Function", bound=Callable[[Any], None])


def check(*, points: int, after: Sequence[Callable[[Any], None]] = ()) -> Callable[[_Function], _Function]:
    """Mark a function of ``check.py`` as a check with explicit points, run after others have passed."""
    if points < 1:
        raise ValueError("points must be at least 1")

    def mark(function: _Function) -> _Function:
        sentence = " ".join((function.__doc__ or "").split())
        if not sentence:
            raise ValueError(
                f"check {function.__name__} needs a docstring: the sentence that the learner reads"
            )
        for other in after:
            if not hasattr(other, "__sandbox_check__"):
                raise ValueError(f"check {function.__name__} comes after {other.__name__}, which is no check")
        found = Check(
            id=function.__name__.replace("_", "-"),
            sentence=sentence,
            points=points,
            after=tuple(o.__sandbox_check__.id for o in after),  # type: ignore[attr-defined]
            function=function,
        )
        function.__sandbox_check__ = found  # type: ignore[attr-defined]
        return function

    return mark


@dataclass(frozen=True)
class CheckResult:
    """What became of one check in one attempt."""

    id: str
    sentence: str
    outcome: Outcome
    points: int
    max_points: int
    message: str = ""


@dataclass(frozen=True)
class ExerciseResult:
    """What became of one attempt at one exercise. ``problem`` says how the answer itself ended when that was
    not well (a refused statement, a timeout, too much output); ``facts`` are engine version, runtime,
    dataset and exercise hashes, seed. Each of ``hints`` taken costs ``hint_price`` points, never more than
    were got."""

    exercise: str
    checks: tuple[CheckResult, ...]
    seconds: float
    problem: str = ""
    output: str = ""
    skipped: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    hints: int = 0
    hint_price: int = 0

    @property
    def points(self) -> int:
        return sum(c.points for c in self.checks) - self.penalty

    @property
    def penalty(self) -> int:
        """Points that the hints cost."""
        return min(self.hints * self.hint_price, sum(c.points for c in self.checks))

    @property
    def max_points(self) -> int:
        return sum(c.max_points for c in self.checks)

    @property
    def passed(self) -> bool:
        """Every check passed: full points, but for what hints cost."""
        return bool(self.checks) and all(c.outcome is Outcome.PASSED for c in self.checks)
