"""What grading an answer costs: seconds by the wall and of the processor, warm and cold, for each exercise.

    sandbox up
    python benchmarks/grading.py                               the first exercise of each service
    python benchmarks/grading.py rds-postgresql/04-explain-and-index ...
    python benchmarks/grading.py --repeat 5 --cold             also with new interpreters for each answer

Grades the solution, over and over, on engines that run. Processor time is that of the grader and of all it
starts (warm processes, keepers, answers and their programs), not of the engines. Run it on an otherwise idle
machine. Prints Markdown; figures of one run belong together.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

Figures = dict[str, float]


def measure(exercise_id: str, repeat: int, *, cold: bool) -> Figures:
    """Seconds of the first attempt by the wall; then, for each further one, seconds by the wall, of the
    processor in the grader, and in what it starts."""
    code = [sys.executable, __file__, exercise_id, "--repeat", str(repeat), "--one", *["--cold"] * cold]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{exercise_id} failed:\n{done.stderr[-3000:]}")
    found: Figures = json.loads(done.stdout)
    return found


def one(exercise_id: str, repeat: int, *, cold: bool) -> Figures:
    """The same, in this process, which must have graded nothing yet."""
    from sandbox.grading import runner, warmth
    from sandbox.grading.exercise import find
    from sandbox.sandbox import Sandbox

    if cold:
        warmth.fork = lambda *_: None  # type: ignore[assignment]
    exercise = find(exercise_id)
    place = Sandbox().place(exercise.spec.engine)

    def attempt(seed: int) -> float:
        began = time.monotonic()
        result = runner.grade(exercise, exercise.solution, place, seed=seed)
        if not (result.passed or result.skipped):
            sys.exit(f"{exercise_id}: {result}")
        return time.monotonic() - began

    def spent() -> tuple[float, float]:
        # What warm processes started is counted when they have ended.
        warmth.close()
        mine, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return mine.ru_utime + mine.ru_stime, theirs.ru_utime + theirs.ru_stime

    first = attempt(1)
    before = spent()
    attempt(2)
    start = spent()
    walls = [attempt(seed) for seed in range(3, 3 + repeat)]
    after = spent()
    # A warm process made anew for this stretch costs what the stretch of one attempt shows beyond an attempt:
    # it is shared by all attempts of a real batch, hence left out where two stretches tell it apart.
    grader = (after[0] - start[0]) / repeat
    whole = after[1] - start[1]
    single = start[1] - before[1]
    each = max((whole - single) / (repeat - 1), 0.0) if repeat > 1 else whole
    return {"first": first, "wall": statistics.median(walls[1:] or walls), "grader": grader, "answer": each}


def firsts() -> list[str]:
    """The first exercise of each service."""
    from sandbox.grading.exercise import find_all

    found: dict[str, str] = {}
    for exercise in find_all()[0]:
        found.setdefault(exercise.spec.service, exercise.id)
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("exercises", nargs="*")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.exercises[0], given.repeat, cold=given.cold)))
        return
    print("| exercise | | first, wall s | wall s | CPU s of the grader | CPU s of the answer |")
    print("|---|---|--:|--:|--:|--:|")
    for exercise_id in given.exercises or firsts():
        for cold in (False, True)[: 1 + given.cold]:
            found = measure(exercise_id, given.repeat, cold=cold)
            figures = " | ".join(f"{found[key]:.2f}" for key in ("first", "wall", "grader", "answer"))
            print(f"| {exercise_id} | {'cold' if cold else 'warm'} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
