"""The places that exercises need, of the engines that run in a sandbox."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sandbox.engines.registry import NAMES
from sandbox.errors import EnvironmentRefusedError
from sandbox.grading.exercise import NO_ENGINE, Exercise
from sandbox.grading.place import Place

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox


def places(exercises: Iterable[Exercise], box: Sandbox) -> dict[str, Place]:
    """Places by engine, for every engine that the exercises run on or need; EnvironmentRefusedError names
    all that do not run."""
    from sandbox.grading.nowhere import nowhere

    exercises = list(exercises)
    needed = {name for exercise in exercises for name in exercise.spec.engines}
    running = set(box.running()) if needed else set()
    missing = [engine for engine in NAMES if engine in needed - running]
    if missing:
        raise EnvironmentRefusedError(
            f"{', '.join(missing)} {'does' if len(missing) == 1 else 'do'} not run in sandbox {box.name!r}.",
            code="engine-not-running",
            actions=[f"sandbox up {' '.join(missing)}{box.name_option}"],
        )
    found = {engine: box.place(engine) for engine in sorted(needed)}
    if any(exercise.spec.engine == NO_ENGINE for exercise in exercises):
        found[NO_ENGINE] = nowhere(box.name, box.state.root)
    return found
