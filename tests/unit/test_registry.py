"""What there must be of everything: each gap names the file to add."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from sandbox.engines.registry import NAMES, engine
from sandbox.engines.services import all_services
from sandbox.grading.exercise import NO_ENGINE, find_all
from sandbox.runtimes.native.registry import recipe

ROOT = Path(__file__).resolve().parents[2]


def engine_gaps(root: Path, engines: Sequence[str]) -> Iterator[str]:
    """Files that an engine must have and has not."""
    for name in engines:
        for wanted in (
            f"sandbox/engines/{name}.py",
            f"sandbox/runtimes/native/{name}.py",
            f"sandbox/runtimes/docker/{name}.py",
            f"compose/{name}.yaml",
            f"docs/engines/{name}.md",
            f"tests/integration/test_{name}.py",
        ):
            if not (root / wanted).is_file():
                yield f"engine {name}: add {wanted}"


def service_gaps(root: Path, services: Mapping[str, str], engines: Sequence[str]) -> Iterator[str]:
    """Services (and so engines) without an exercise; ``services`` gives the engine of each."""
    for service in services:
        found = list((root / "exercises" / service).glob("*/exercise.toml"))
        if not found:
            yield f"service {service}: add exercises/{service}/01-create-insert-query/exercise.toml"
    for name in engines:
        mine = [s for s, served in services.items() if served == name]
        if not mine:
            yield f"engine {name}: add a service that it stands in for to sandbox/engines/services.py"
        elif not any(list((root / "exercises" / s).glob("*/exercise.toml")) for s in mine):
            yield f"engine {name}: add exercises/{mine[0]}/01-create-insert-query/exercise.toml"


def exercise_gaps(root: Path) -> Iterator[str]:
    """Folders of exercises without the files that make one."""
    for folder in sorted(
        p for p in (root / "exercises").glob("*/*") if p.is_dir() and p.name[:1] not in "._"
    ):
        place = folder.relative_to(root)
        if not re.fullmatch(r"\d\d-[a-z0-9-]+", folder.name):
            yield f"{place}: an exercise's folder is named like 01-create-insert-query"
        for name in ("exercise.toml", "README.md", "check.py"):
            if not (folder / name).is_file():
                yield f"add {place}/{name}"
        for stem in ("starter", "solution"):
            if not list(folder.glob(f"{stem}.*")):
                yield f"add {place}/{stem}.<language>"
        wrong = len([p for p in (folder / "wrong").glob("*") if p.is_file()])
        if wrong < 2:
            yield f"add {2 - wrong} plausible wrong answer(s) to {place}/wrong/"


def page_gaps(root: Path) -> Iterator[str]:
    """Pages that nobody finds from docs/index.md, or that are not there at all."""
    index = root / "docs" / "index.md"
    if not index.is_file():
        yield "add docs/index.md"
        return
    linked = set(re.findall(r"\]\(([^)#\s]+)", index.read_text(encoding="utf-8")))
    for page in sorted((root / "docs").glob("**/*.md")):
        name = page.relative_to(root / "docs").as_posix()
        if page != index and name not in linked:
            yield f"add a link to {name} to docs/index.md"
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        if not (root / name).is_file():
            yield f"add {name}"


SERVICES = {service.name: service.engine for service in all_services()}


def test_every_engine_has_module_recipe_page_and_integration_test() -> None:
    assert list(engine_gaps(ROOT, NAMES)) == []


def test_every_module_of_an_engine_is_in_the_registry() -> None:
    for folder in ("sandbox/runtimes/native", "sandbox/engines"):
        sources = {p.stem: p.read_text(encoding="utf-8") for p in (ROOT / folder).glob("*.py")}
        made = {stem for stem, text in sources.items() if re.search(r"^(RECIPE|ENGINE)\b.*=", text, re.M)}
        assert made == set(NAMES), f"{folder}: name it in NAMES of sandbox/engines/registry.py, or remove it"


@pytest.mark.parametrize("name", NAMES)
def test_every_engine_and_recipe_says_what_pages_and_tables_need(name: str) -> None:
    one, made = engine(name), recipe(name)
    assert one.name == made.engine == name
    assert one.title
    assert made.product
    assert made.version
    assert made.groups
    assert made.memory_mib > 0
    assert made.disk_mib > 0
    assert one.suffixes
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", word) for word in made.lacks), made.lacks


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_an_engine_says_how_it_runs_here(name: str) -> None:
    page = ROOT / "docs" / "engines" / f"{name}.md"
    text, made = page.read_text(encoding="utf-8"), recipe(name)
    assert made.version in text, f"{page.name} does not name version {made.version}"
    missing = [word for word in sorted(made.lacks) if word not in text]
    assert not missing, f"{page.name} does not name what the recipe lacks: {', '.join(missing)}"
    if made.approximation:
        assert "approximation" in text, f"{page.name} does not say that it is an approximation"
    if made.no_password:
        assert "password" in text, f"{page.name} does not say that there is no password, and why"


def test_every_service_and_engine_has_an_exercise() -> None:
    assert list(service_gaps(ROOT, SERVICES, NAMES)) == []


def test_engines_and_services_agree_on_who_stands_in_for_whom() -> None:
    by_engine = {name: {s for s, served in SERVICES.items() if served == name} for name in NAMES}
    assert {name: set(engine(name).services) for name in NAMES} == by_engine


def test_every_folder_of_an_exercise_is_whole() -> None:
    assert list(exercise_gaps(ROOT)) == []
    _, errors = find_all()
    assert [error.title for error in errors] == []


def test_every_exercise_is_about_a_known_service_on_its_engine() -> None:
    for exercise in find_all()[0]:
        expected = SERVICES.get(exercise.spec.service)
        if exercise.spec.engine == NO_ENGINE:
            assert expected is None, exercise.id
        else:
            assert expected == exercise.spec.engine, exercise.id


def test_every_page_is_linked_from_the_index() -> None:
    assert list(page_gaps(ROOT)) == []


def test_the_readme_names_every_service_and_what_stands_in_for_it() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for service in all_services():
        assert f"`{service.name}`" in text, service.name
        assert service.stand_in in text, f"README.md does not name {service.stand_in} for {service.title}"


def test_the_readme_says_how_much_is_fetched() -> None:
    from sandbox.runtimes.native.artifacts import artifacts, group_names

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    said = re.search(r"fetches about (\d+) MB", text)
    assert said, "README.md does not say how much the first start fetches"
    size = sum(a.size for name in group_names() for a in artifacts(name))
    assert abs(int(said[1]) * 1e6 - size) < 0.1 * size, f"README.md says {said[1]} MB, it is {size / 1e6:.0f}"


# -- the gaps themselves are found ---------------------------------------------------------------------------


def _write(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("x\n")


def test_a_missing_file_of_an_engine_is_named(tmp_path: Path) -> None:
    _write(tmp_path, "sandbox/engines/neo.py", "docs/engines/neo.md", "tests/integration/test_neo.py")
    lacking = ("sandbox/runtimes/native/neo.py", "sandbox/runtimes/docker/neo.py", "compose/neo.yaml")
    assert list(engine_gaps(tmp_path, ["neo"])) == [f"engine neo: add {name}" for name in lacking]


def test_a_service_or_engine_without_exercise_is_named(tmp_path: Path) -> None:
    _write(tmp_path, "exercises/one/01-a/exercise.toml")
    gaps = list(service_gaps(tmp_path, {"one": "a", "two": "b"}, ["a", "b", "c"]))
    wanted = "add exercises/two/01-create-insert-query/exercise.toml"
    assert gaps == [
        f"service two: {wanted}",
        f"engine b: {wanted}",
        "engine c: add a service that it stands in for to sandbox/engines/services.py",
    ]


def test_missing_files_of_an_exercise_are_named(tmp_path: Path) -> None:
    _write(
        tmp_path,
        "exercises/s/01-a/exercise.toml",
        "exercises/s/01-a/starter.sql",
        "exercises/s/01-a/wrong/x.sql",
    )
    assert list(exercise_gaps(tmp_path)) == [
        "add exercises/s/01-a/README.md",
        "add exercises/s/01-a/check.py",
        "add exercises/s/01-a/solution.<language>",
        "add 1 plausible wrong answer(s) to exercises/s/01-a/wrong/",
    ]


def test_a_page_that_is_not_linked_is_named(tmp_path: Path) -> None:
    _write(tmp_path, "README.md", "CHANGELOG.md", "docs/index.md", "docs/engines/neo.md")
    assert list(page_gaps(tmp_path)) == [
        "add a link to engines/neo.md to docs/index.md",
        "add CONTRIBUTING.md",
    ]
