"""Forms in which connection variables are written down, for programs that read them."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Iterable, Mapping
from urllib.parse import quote

_PLAIN = frozenset("_-./:@+=,%?&")
SECRETS = ("_PASSWORD", "_PWD", "_AUTH", "SECRET_ACCESS_KEY", "PGPASSWORD")
"""Endings of the names of variables that hold a password and nothing else."""


def shell(values: Mapping[str, str]) -> str:
    """``export NAME=value``, for ``eval`` and ``source``."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def as_json(values: Mapping[str, str]) -> str:
    """One flat object of strings."""
    return json.dumps(dict(values), indent=2)


def dotenv(values: Mapping[str, str]) -> str:
    """A file for python-dotenv, the dotenv of Node.js and of Ruby, and the like."""
    return "\n".join(f"{name}={_dotenv(value)}" for name, value in values.items())


def compose(values: Mapping[str, str]) -> str:
    """A file for ``env_file:`` of Docker Compose. There a dollar sign in a value asks for another variable,
    except between single quotes."""
    return "\n".join(f"{name}={_compose(value)}" for name, value in values.items())


def github(values: Mapping[str, str]) -> str:
    """Lines for the file that ``GITHUB_ENV`` names in a job of GitHub Actions.

    A value of several lines stands between delimiters that nobody can foresee. Source: "Workflow commands
    for GitHub Actions", and ``FileCommandManager.cs`` of the runner."""
    lines = []
    for name, value in values.items():
        if "\n" in value or "\r" in value:
            delimiter = f"end_{secrets.token_hex(16)}"
            lines.append(f"{name}<<{delimiter}\n{value}\n{delimiter}")
        else:
            lines.append(f"{name}={value}")
    return "\n".join(lines)


def github_masks(values: Mapping[str, str]) -> str:
    """The workflow commands that have the log of a job of GitHub Actions show ``***`` for passwords. The
    runner looks for them in what a step prints (stdout or stderr), not in the file of the variables."""
    return "\n".join(f"::add-mask::{_in_command(word)}" for word in _words(passwords(values)))


def passwords(values: Mapping[str, str]) -> list[str]:
    """The passwords among the values, each one once."""
    found = (value for name, value in values.items() if value and name.endswith(SECRETS))
    return list(dict.fromkeys(found))


def _words(found: Iterable[str]) -> list[str]:
    """Every spelling in which a log may show them: as they are, and as in a URL; a mask is of one line."""
    spelled = [s for word in found for s in (*word.splitlines(), quote(word, safe=""))]
    return list(dict.fromkeys(s for s in spelled if s.strip()))


def _in_command(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _is_plain(value: str) -> bool:
    return bool(value) and all((c.isascii() and c.isalnum()) or c in _PLAIN for c in value)


def _dotenv(value: str) -> str:
    if _is_plain(value):
        return value
    # Between single quotes all of them take a text as it is, but for these, on which they do not agree.
    return _double(value) if set(value) & {"'", "\\", "\n"} else f"'{value}'"


def _compose(value: str) -> str:
    if _is_plain(value):
        return value
    # A backslash cannot come last between single quotes (dotenv/parser.go of compose-go).
    return _double(value) if "\\" in value else "'" + value.replace("'", "\\'") + "'"


def _double(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", "\\n")
    return f'"{escaped}"'
