"""The documentation and the source say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs import exercise_list, generate
from tests import pages

ROOT = pages.ROOT
PAGES = [pytest.param(p, id=str(p.relative_to(ROOT))) for p in pages.pages()]


def error_codes() -> set[str]:
    """Every code that an error of the product can have."""
    found: set[str] = set()
    for source in sorted((ROOT / "sandbox").glob("**/*.py")):
        nodes = list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        for call in calls:
            found.update(_codes_of(call))
        # A code that is looked up stands in a table of the same module.
        if any(k.arg == "code" and isinstance(k.value, ast.Name) for call in calls for k in call.keywords):
            tables = [part for node in nodes for part in _tabled(node)]
            found.update(
                text for text in tables if re.fullmatch(r"(docker|external)(-[a-z]+)+|disk-full", text)
            )
    return found


def _tabled(node: ast.AST) -> Iterator[str]:
    """The strings in a table, or that a call falls back on."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.Dict):
        parts = [*(key for key in node.keys if key), *node.values]
    elif isinstance(node, ast.Tuple | ast.List):
        parts = node.elts
    elif isinstance(node, ast.Call):
        parts = node.args
    for part in parts:
        yield from _strings(part)


def _codes_of(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg == "code":
            yield from _strings(keyword.value)
    if isinstance(call.func, ast.Name) and call.func.id == "unknown_name":
        for kind in _strings(call.args[0]):
            yield f"unknown-{kind.replace(' ', '-')}"


def _strings(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from _strings(value.body)
        yield from _strings(value.orelse)


def anchors(text: str) -> set[str]:
    """The anchors that a page's headings get on GitHub."""
    headings = re.findall(r"^#+\s+(.*?)\s*$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    written = generate.CLI_PAGE.read_text(encoding="utf-8")
    assert written == generate.cli_page(), "docs/cli.md is stale: python -m docs.generate --only cli"


def test_the_table_of_exercises_is_what_the_exercises_say_and_no_cell_is_empty_without_a_reason() -> None:
    written = exercise_list.PAGE.read_text(encoding="utf-8")
    assert written == exercise_list.page(), "stale: python -m docs.generate --only exercises"
    assert exercise_list.missing() == []


def test_the_page_of_commands_has_every_command_with_an_example() -> None:
    text = generate.CLI_PAGE.read_text(encoding="utf-8")
    for name, command in generate.commands():
        if hasattr(command, "commands"):
            continue
        section = text.partition(f"\n## sandbox {name}\n")[2].partition("\n## ")[0]
        assert f"$ sandbox {name}" in section or f"sandbox {name} " in section, name
        assert "```console" in section, name


def test_troubleshooting_explains_every_error_code() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE))
    codes = error_codes()
    assert len(codes) > 50
    assert codes - explained == set(), "add these rows to docs/troubleshooting.md"
    assert explained - codes == set(), "docs/troubleshooting.md explains codes that do not exist"


def test_every_directive_of_a_disabled_block_gives_a_reason() -> None:
    for path in pages.pages():
        pages.read(path)


@pytest.mark.parametrize("path", PAGES)
def test_commands_stand_in_blocks_that_are_run(path: Path) -> None:
    assert pages.hidden_commands(pages.read(path)) == [], (
        "make the block ```console, with `$ ` before commands"
    )


@pytest.mark.parametrize("path", PAGES)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        aim = (path.parent / file).resolve() if file else path
        assert aim.exists(), f"{path.relative_to(ROOT)} links to {target}, which is not there"
        if anchor and aim.suffix == ".md":
            assert anchor in anchors(aim.read_text(encoding="utf-8")), f"{target}: no such heading"


@pytest.mark.parametrize("path", PAGES)
def test_pages_name_nothing_of_one_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(work|root|home/\w+)/", text), "an absolute path of one machine"


def test_the_picture_names_no_server() -> None:
    svg = generate.PICTURE.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"'<) ]+", svg)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", svg)


def test_a_session_is_cut_into_commands_and_what_they_print() -> None:
    text = "<!-- exit: 1 2 -->\n\n```console\n$ one \\\n> two\nprinted\n\n$ three\n```\n"
    (block,) = pages.blocks(ROOT / "x.md", text)
    assert block.commands == (pages.Command("one \\\ntwo", ("printed",)), pages.Command("three"))
    assert block.exits == (1, 2)


def test_a_directive_counts_only_right_before_its_block() -> None:
    text = "<!-- not run: why -->\nwords\n```console\n$ one\n```\n<!-- not run: this -->\n```sh\ntwo\n```\n"
    first, second = pages.blocks(ROOT / "x.md", text)
    assert first.not_run == ""
    assert second.not_run == "this"


def test_a_directive_that_nobody_understands_is_an_error() -> None:
    with pytest.raises(ValueError, match="nobody understands"):
        list(pages.blocks(ROOT / "x.md", "<!-- not run -->\n```sh\none\n```\n"))


def test_printed_lines_are_compared_in_order_and_with_gaps() -> None:
    printed = "ENGINE   PORT\nredis    6379\nMemory in all: 0.02 GiB\n"
    assert pages.missing_output(["ENGINE PORT", "redis ...", "Memory in all: ..."], printed) is None
    assert pages.missing_output(["redis ...", "ENGINE PORT"], printed) == "ENGINE PORT"
    assert pages.missing_output(["redis 6380"], printed) == "redis 6380"


def test_commands_in_plain_blocks_are_found() -> None:
    found = pages.blocks(ROOT / "docs" / "x.md", "```\nsandbox up\n```\n```python\nsandbox = 1\n```\n")
    assert pages.hidden_commands(pages.Page(ROOT / "docs" / "x.md", tuple(found))) == [
        "docs/x.md:1: sandbox up"
    ]
