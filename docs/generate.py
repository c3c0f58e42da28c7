"""Makes the generated parts of the documentation: two pages in docs/ and the picture ``docs/demo.svg``.

Run it as ``make docs`` or ``python -m docs.generate`` from the root of the repository::

    python -m docs.generate                     all
    python -m docs.generate --only cli          the page of commands; starts nothing
    python -m docs.generate --only exercises    the table of exercises; starts nothing
    python -m docs.generate --only picture      best on an idle machine: it shows seconds

The picture shows what `up`, one exercise whole and a service's exercises really printed, in a home of their
own.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from docs import exercise_list

ROOT = Path(__file__).resolve().parents[1]
CLI_PAGE = ROOT / "docs" / "cli.md"
PICTURE = ROOT / "docs" / "demo.svg"
COLUMNS = 112
SHOWN_EXERCISE = "rds-postgresql/01-create-insert-query"

HEAD = """# Commands

<!-- Made by `make docs` from the commands themselves. Change their help in sandbox/cli/, not this page. -->

Every command answers to `--help`. `sandbox --install-completion` makes the Tab key complete commands, engines
and exercises. Commands that change a sandbox wait for each other; those that only look do not.

With `--json` a command prints one object on stdout and nothing else; progress for people goes to stderr:

```json
{"schema_version": 1, "command": "status", "status": "ok", "data": {}, "warnings": [], "error": null}
```

`status` is `ok` or `error`; `error` is null or `{"code", "title", "detail", "actions", "exit_code"}`. The
codes are explained in [troubleshooting](troubleshooting.md).

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | what was asked about is not so: an engine is unhealthy, an exercise has not got full points |
| 2 | wrong usage: an unknown name, a bad option, a bad file |
| 3 | this machine refused: port, memory, disk, missing artifact, an engine that died |
| 4 | a mistake in `sandbox` itself |
| 130 | interrupted |

`sandbox exec` and `sandbox shell` become the program they start, and end with its exit code.
"""

# How the test of the documentation treats the example of a command that it cannot simply run.
DIRECTIVES = {
    "logs": "not run: it goes on until Ctrl-C",
    "exercise watch": "not run: it goes on until full points or Ctrl-C",
    "exercise verify": "not run: it takes minutes",
    "up": "alone",
    "down": "alone",
    "doctor": "exit: 0 1",
    "exercise grade": "exit: 0 1",
}


def commands() -> Iterator[tuple[str, Any]]:
    """(``"exercise list"``, command) of every command and group, in the order of the help."""
    import typer

    from sandbox.cli.app import app

    def walk(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            yield prefix + name, command
            if hasattr(command, "commands"):
                yield from walk(command, f"{prefix}{name} ")

    yield from walk(typer.main.get_command(app), "")


def cli_page() -> str:
    """The text of ``docs/cli.md``."""
    found = list(commands())
    parts = [HEAD]
    listed = [(name, command) for name, command in found if not hasattr(command, "commands")]
    parts.append("| command | what it does |\n|---|---|")
    parts += [
        f"| [`{name}`](#sandbox-{name.replace(' ', '-')}) | {_first(command)} |" for name, command in listed
    ]
    for name, command in listed:
        parts.append(_section(name, command))
    return "\n".join(parts).rstrip() + "\n"


def _first(command: Any) -> str:
    return _sentences(command).split("\n\n")[0]


def _sentences(command: Any) -> str:
    paragraphs = re.split(r"\n\s*\n", (command.help or "").strip())
    return "\n\n".join(" ".join(p.split()) for p in paragraphs)


def _section(name: str, command: Any) -> str:
    context = command.context_class(command, info_name=f"sandbox {name}")
    usage = " ".join(piece for p in command.params for piece in p.get_usage_pieces(context))
    lines = [f"\n## sandbox {name}\n", _sentences(command), ""]
    lines += ["```text", f"sandbox {name} [OPTIONS] {usage}".rstrip(), "```", ""]
    arguments = [
        (p.display_name_raw, p.help or "") for p in command.params if p.param_type_name == "argument"
    ]
    options = [
        record
        for p in command.params
        if p.param_type_name == "option" and (record := p.get_help_record(context)) is not None
    ]
    lines += _table("argument", arguments) + _table("option", options)
    example = re.sub(r"^Example:\s*", "", (command.epilog or "").strip())
    if example:
        directive = DIRECTIVES.get(name)
        lines += [f"<!-- {directive} -->"] if directive else []
        lines += ["```console", f"$ {example}", "```"]
    return "\n".join(lines).rstrip()


def _table(kind: str, rows: Sequence[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    cells = [[" ".join(cell.split()).replace("|", r"\|") for cell in row] for row in rows]
    return [f"| {kind} | |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in cells), ""]


# -- the picture -------------------------------------------------------------------------------------------


def on_a_terminal(argv: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a program whose stdout is a terminal: (exit code, all that it printed there, colours included)."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    running = subprocess.Popen(argv, stdout=theirs, stdin=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    seen = b""
    while True:
        try:
            some = os.read(ours, 65536)
        except OSError:
            # Linux says EIO when the last writer has closed the terminal.
            break
        if not some:
            break
        seen += some
    os.close(ours)
    return running.wait(), seen.decode().replace("\r\n", "\n")


def picture() -> str:
    """An SVG of ``up``, of one exercise at work and of a list of exercises, as they ran just now."""
    command = str(Path(sys.executable).with_name("sandbox"))
    home = Path(tempfile.mkdtemp(prefix="sandbox-picture-"))
    home.chmod(0o755)
    environment = {
        **os.environ,
        "SANDBOX_HOME": str(home),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }
    for name in ("NO_COLOR", "COLUMNS", "SANDBOX_NAME"):
        environment.pop(name, None)
    shown = [
        ["up", "--timings"],
        ["exercise", "run", SHOWN_EXERCISE],
        ["exercise", "list", "--service", SHOWN_EXERCISE.split("/")[0]],
    ]
    try:
        # The first start of all may have to fetch and prepare; the picture shows an ordinary one.
        subprocess.run([command, "up"], env=environment, check=True)
        subprocess.run([command, "down", "--delete"], env=environment, check=True)
        ran = [on_a_terminal([command, *words], environment) for words in shown]
    finally:
        subprocess.run([command, "down", "--delete"], env=environment, check=False)
        shutil.rmtree(home, ignore_errors=True)
    for code, text in ran:
        if code != 0:
            raise SystemExit(f"A command of the picture ended with exit code {code}:\n{text}")
    return drawn([(f"sandbox {' '.join(words)}", text) for words, (_, text) in zip(shown, ran, strict=True)])


def drawn(commands: Sequence[tuple[str, str]]) -> str:
    """The SVG. Rich's template names fonts on a server; without them the reader's own fixed font is taken."""
    import io

    from rich._export_format import CONSOLE_SVG_FORMAT
    from rich.console import Console
    from rich.text import Text

    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for command, text in commands:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        console.print(Text.from_ansi(text.strip("\n")))
        console.print()
    template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title="sandbox", code_format=template, unique_id="demo")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main() -> None:
    """Write what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", choices=("cli", "exercises", "picture"), help="make just this")
    asked = parser.parse_args()
    if asked.only in (None, "cli"):
        CLI_PAGE.write_text(cli_page(), encoding="utf-8")
        print(f"wrote {CLI_PAGE.relative_to(ROOT)}")
    if asked.only in (None, "exercises"):
        exercise_list.PAGE.write_text(exercise_list.page(), encoding="utf-8")
        print(f"wrote {exercise_list.PAGE.relative_to(ROOT)}")
    if asked.only in (None, "picture"):
        PICTURE.write_text(picture(), encoding="utf-8")
        print(f"wrote {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
