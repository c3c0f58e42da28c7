"""What each student handed in, and which exercise each file answers.

A folder holds a folder or a zip for each student; or one zip holds all the folders. In them answers lie as
``sandbox exercise start`` lays them out (``<service>/<NN-slug>/answer.<ending>``, below whatever folders) or
under a name that says it: ``<service>/<NN-slug>.<ending>``, ``<service>-<NN-slug>.<ending>``, and
``<NN-slug>.<ending>`` where only one service has that exercise. Capitals, blanks and ``_`` for ``-`` do not
matter. What is not an answer is told, never dropped.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.engines.registry import NAMES
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import UsageError
from sandbox.grading.batch.files import (
    MOST_CLASS_ZIP,
    MOST_ENTRIES,
    MOST_ZIP,
    Budget,
    File,
    Refused,
    of_folder,
    of_zip,
    printable,
    refuse,
    unreadable,
)
from sandbox.grading.execution import MOST_BYTES
from sandbox.grading.exercise import NO_ENGINE, Exercise

_CLASS_ENTRIES = 200_000
_OF_THE_SYSTEM = frozenset({".ds_store", "thumbs.db", "desktop.ini", "__macosx", ".git", "__pycache__"})
_WORK = "sandbox-work"


@dataclass(frozen=True)
class Answer:
    """One student's answer to one exercise. ``file`` is its path as handed in; ``refused`` says why it
    cannot be graded, and ``content`` is then empty."""

    exercise: str
    file: str
    suffix: str
    content: bytes = b""
    refused: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Student:
    """One student: answers by exercise id; ``not_recognised`` are files with why; ``ignored`` files of the
    system and copies of the tasks."""

    name: str
    answers: Mapping[str, Answer] = field(default_factory=dict)
    not_recognised: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Submissions:
    """All students in order of their names, and what lies beside them with why it is nobody's."""

    source: str
    students: tuple[Student, ...]
    not_recognised: tuple[tuple[str, str], ...] = ()


def read(source: Path, exercises: Sequence[Exercise], *, besides: Path | None = None) -> Submissions:
    """Everything handed in. ``exercises`` are all there are, so that a short name can be known to mean one;
    ``besides`` is a folder that is no student. UsageError when there is no such folder or it holds nothing
    that can be a student."""
    names = Names(exercises)
    loose: list[tuple[str, str]] = []
    if source.is_dir():
        groups = _of_class_folder(source, loose, besides, names)
    elif source.is_file():
        groups = _of_class_zip(source, loose, names)
    else:
        raise UsageError(
            f"There is no folder or zip of submissions at {source}.",
            code="no-submissions",
            actions=["sandbox exercise grade --submissions DIR   # a folder or a zip for each student in it"],
        )
    students: dict[str, Student] = {}
    for name, files, kind in groups:
        # The same name as folder and as zip, or two that differ only in how a letter is written.
        unique = name if name not in students else f"{name}{kind}"
        number = 2
        while unique in students:
            unique, number = f"{name} ({number})", number + 1
        students[unique] = _student(unique, files, names)
    if not students:
        raise UsageError(
            f"{source} holds no student's folder or zip.",
            code="no-submissions",
            detail="\n".join(f"{file}: {why}" for file, why in loose[:10]),
        )
    ordered = sorted(students.values(), key=lambda s: (s.name.casefold(), s.name))
    return Submissions(printable(str(source)), tuple(ordered), tuple(loose))


Group = tuple[str, Iterable[File], str]


def _of_class_folder(
    source: Path, loose: list[tuple[str, str]], besides: Path | None, names: Names
) -> Iterator[Group]:
    try:
        entries = sorted(source.iterdir(), key=lambda p: p.name)
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}.", code="no-submissions") from error
    if any(e.name == _WORK or e.name in names.services for e in entries if e.is_dir()):
        raise UsageError(
            f"{source} looks like the work of one student: it holds exercises, not students.",
            code="no-submissions",
            detail="A folder of submissions holds a folder or a zip for each student.",
            actions=[f"sandbox exercise grade --submissions {source.absolute().parent}"],
        )
    for entry in entries:
        name = printable(entry.name)
        if entry.is_symlink():
            loose.append((name, "a link, which is not followed"))
        elif _of_system(entry.name) or (besides is not None and entry.absolute() == besides.absolute()):
            continue
        elif entry.is_dir():
            yield name, of_folder(entry, Budget()), " (folder)"
        elif entry.suffix.lower() == ".zip" and entry.is_file():
            yield name[: -len(".zip")] or name, _student_zip(entry), ".zip"
        else:
            loose.append((name, "neither a folder nor a zip"))


def _student_zip(entry: Path) -> Iterator[File]:
    try:
        size = entry.stat().st_size
        if size > MOST_ZIP:
            raise Refused(f"larger than {MOST_ZIP >> 20} MiB")
        yield from of_zip(entry, Budget())
    except OSError as error:
        yield unreadable((printable(entry.name),), f"cannot be read: {error.strerror}")
    except Refused as why:
        yield unreadable((printable(entry.name),), str(why))


def _of_class_zip(source: Path, loose: list[tuple[str, str]], names: Names) -> Iterator[Group]:
    grouped: dict[str, list[File]] = {}
    budgets: dict[str, Budget] = {}
    try:
        if source.stat().st_size > MOST_CLASS_ZIP:
            raise Refused(f"larger than {MOST_CLASS_ZIP >> 30} GiB")
        everything = list(of_zip(source, Budget(1 << 62), most=_CLASS_ENTRIES))
        skip = _wrapping(everything, names)
        for file in of_zip(source, Budget(1 << 62), most=_CLASS_ENTRIES):
            parts = file.parts[skip:]
            if len(parts) < 2 and not (parts and parts[0].lower().endswith(".zip")):
                if parts and parts[0] and not _of_system(parts[0]):
                    loose.append((file.path, file.problem or "beside the students' folders"))
                elif not file.parts:
                    loose.append((printable(source.name), file.problem))
                continue
            student = parts[0] if len(parts) > 1 else parts[0][: -len(".zip")] or parts[0]
            if _of_system(student):
                continue
            mine = grouped.setdefault(student, [])
            if len(mine) == MOST_ENTRIES:
                mine.append(unreadable((), f"more than {MOST_ENTRIES:,} files: the rest was not looked at"))
            elif len(mine) < MOST_ENTRIES:
                budget = budgets.setdefault(student, Budget())
                mine.append(_held(file, parts[1:] if len(parts) > 1 else parts, budget, names))
    except Refused as why:
        raise UsageError(f"{source} cannot be taken: {why}.", code="no-submissions") from why
    for name, files in sorted(grouped.items()):
        yield name, files, ".zip"


def _wrapping(files: Sequence[File], names: Names) -> int:
    """How many folders all students' folders lie in: ``submissions/ada/...`` is one."""
    skip = 0
    while True:
        real = [f.parts[skip:] for f in files if f.parts and not any(_of_system(p) for p in f.parts)]
        tops = {parts[0] for parts in real if parts and parts[0]}
        below = {parts[1] for parts in real if len(parts) > 1 and parts[1]}
        flat = any(len(p) == 1 or (len(p) == 2 and p[1] and not p[1].lower().endswith(".zip")) for p in real)
        if len(tops) != 1 or flat or not below or any(names.is_work(part) for part in below):
            return skip
        skip += 1


def _held(file: File, parts: tuple[str, ...], budget: Budget, names: Names) -> File:
    """A file of the class's zip, read now if it may be an answer: the zip is closed afterwards."""
    if file.problem or not parts[-1]:
        return File(parts, file.read, file.problem)
    zipped = parts[-1].lower().endswith(".zip")
    if not zipped and names.exercise(parts) is None:
        return File(parts, refuse("not read"))
    try:
        content = file.read(MOST_ZIP if zipped else MOST_BYTES)
        budget.take(len(content))
    except Refused as why:
        return File(parts, refuse(str(why)))
    return File(parts, lambda _most: content)


def _of_system(name: str) -> bool:
    return name.casefold() in _OF_THE_SYSTEM or name.startswith("._")


# -- which exercise --------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    return re.sub(r"[\s_-]+", "-", folded)


class Names:
    """Which exercise the path of a file means."""

    def __init__(self, exercises: Sequence[Exercise]) -> None:
        self.by_id = {exercise.id: exercise for exercise in exercises}
        # All there are: the exercise of one that cannot be read now is not another's of the same name.
        self.services = {
            *(service for name in NAMES for service in engine_named(name).services),
            *(exercise.spec.service for exercise in exercises),
        }
        self._slugs: dict[str, list[str]] = {}
        for exercise_id in self.by_id:
            self._slugs.setdefault(exercise_id.split("/")[1], []).append(exercise_id)
        self._flat = {_plain(exercise_id.replace("/", "-")): exercise_id for exercise_id in self.by_id}

    def is_work(self, part: str) -> bool:
        """Whether a folder or file of that name belongs to one student's work."""
        plain = _plain(part)
        stem = _plain(Path(part).stem)
        return plain == _WORK or plain in self.services or bool({plain, stem} & {*self._slugs, *self._flat})

    def exercise(self, parts: Sequence[str]) -> list[str] | None:
        """Ids of the exercises that a path may mean: one when it is clear; None when it names none."""
        name = Path(parts[-1])
        stem = _plain(name.stem)
        above = [_plain(part) for part in parts[:-1]]
        service = above[-1] if above else ""
        if stem == "answer" and above:
            return self._named(above[-2] if len(above) > 1 else "", above[-1])
        if stem in self._flat:
            return [self._flat[stem]]
        return self._named(service, stem)

    def _named(self, service: str, slug: str) -> list[str] | None:
        if service in self.services:
            return [f"{service}/{slug}"] if f"{service}/{slug}" in self.by_id else None
        return self._slugs.get(slug)

    def is_task(self, parts: Sequence[str]) -> bool:
        """Whether it is the README that ``exercise start`` copies."""
        return parts[-1].casefold() == "readme.md" and len(parts) > 2 and _plain(parts[-2]) in self._slugs


def _accepted(exercise: Exercise) -> tuple[str, ...]:
    from sandbox.grading.execution import accepted

    if exercise.spec.engine == NO_ENGINE:
        return (exercise.spec.answer,)
    return accepted(exercise, engine_named(exercise.spec.engine))


def _student(name: str, files: Iterable[File], names: Names) -> Student:
    found: dict[str, list[Answer]] = {}
    unknown: list[tuple[str, str]] = []
    ignored: list[str] = []
    for file in _opened(files):
        if file.parts and not file.parts[-1] and not file.problem:
            continue  # a folder of a zip
        if any(_of_system(part) for part in file.parts) or (file.parts and names.is_task(file.parts)):
            ignored.append(file.path)
            continue
        meant = names.exercise(file.parts) if file.parts and file.parts[-1] else None
        if meant is None:
            unknown.append((file.path, file.problem or "no exercise has that name"))
        elif len(meant) > 1:
            unknown.append((file.path, f"may mean {' or '.join(meant[:3])}"))
        else:
            exercise = names.by_id[meant[0]]
            suffix, accepted = Path(file.parts[-1]).suffix.lower(), _accepted(exercise)
            if suffix not in accepted:
                why = f"{exercise.id} is not answered by {suffix or 'a file without an ending'}"
                unknown.append((file.path, f"{why} but by {', '.join(accepted)}"))
            else:
                found.setdefault(exercise.id, []).append(_answer(exercise, file, suffix))
    answers = {}
    for exercise_id, several in sorted(found.items()):
        answers[exercise_id], others = _one_of(several, names.by_id[exercise_id])
        unknown += [(other.file, f"not graded: {answers[exercise_id].file} is") for other in others]
    return Student(name, answers, tuple(unknown), tuple(ignored))


def _opened(files: Iterable[File]) -> Iterator[File]:
    """The files, and in place of a zip among them the files in it; not those of a zip in that zip."""
    budget = Budget()
    for file in files:
        if file.problem or not file.parts or not file.parts[-1].lower().endswith(".zip"):
            yield file
            continue
        try:
            for inner in of_zip(file.read(MOST_ZIP), budget):
                yield File((*file.parts, *inner.parts), inner.read, inner.problem)
        except Refused as why:
            yield unreadable(file.parts, str(why))


def _answer(exercise: Exercise, file: File, suffix: str) -> Answer:
    try:
        return Answer(exercise.id, file.path, suffix, file.read(MOST_BYTES))
    except Refused as why:
        return Answer(exercise.id, file.path, suffix, refused=str(why))


def _one_of(several: list[Answer], exercise: Exercise) -> tuple[Answer, list[Answer]]:
    """The answer that counts: the only one, or the only one in the exercise's language."""
    if len(several) == 1:
        return several[0], []
    own = [answer for answer in several if answer.suffix == exercise.spec.answer]
    if len(own) == 1:
        return own[0], [answer for answer in several if answer is not own[0]]
    if len({answer.content for answer in several}) == 1 and not any(a.refused for a in several):
        return several[0], several[1:]
    files = " and ".join(answer.file for answer in several[:4])
    return Answer(exercise.id, files, several[0].suffix, refused="several answers: which one counts?"), []
