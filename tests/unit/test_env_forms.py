"""Connection variables in the forms that other programs read, read back by those programs where possible."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox import env_forms

VALUES = {
    "PGHOST": "127.0.0.1",
    "EMPTY": "",
    "PGPASSWORD": "a$b${PGHOST} #c",
    "QUOTES": """it's "quoted" """,
    "BACKSLASH": "ends with one\\",
    "LINES": "first\nsecond=2\nEOF",
    "DATABASE_URL": "postgresql://u:a%24b@127.0.0.1:5432/sandbox?x=1&y=2",
}


def test_a_shell_that_evaluates_them_has_the_values() -> None:
    script = f"{env_forms.shell(VALUES)}\nenv -0"
    done = subprocess.run(["sh", "-c", script], env={"PATH": os.defpath}, capture_output=True, check=True)
    found = dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)
    assert {k: found[k] for k in VALUES} == VALUES


def test_json_is_one_flat_object() -> None:
    assert json.loads(env_forms.as_json(VALUES)) == VALUES


def test_python_dotenv_reads_all_but_what_only_double_quotes_can_hold() -> None:
    from dotenv import dotenv_values

    found = dotenv_values(stream=io.StringIO(env_forms.dotenv(VALUES)), interpolate=False)
    assert found == VALUES


def test_github_actions_reads_values_of_one_line_and_of_several() -> None:
    assert _as_the_runner_reads(env_forms.github(VALUES)) == VALUES


def _as_the_runner_reads(text: str) -> dict[str, str]:
    """The rules of ``FileCommandManager.cs`` of the runner: what comes first, ``=`` or ``<<``, decides."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, found[name] = line.partition("=")
        else:
            name, _, delimiter = line.partition("<<")
            value = []
            while (inner := next(lines)) != delimiter:
                value.append(inner)
            found[name] = "\n".join(value)
    return found


def test_a_value_cannot_end_its_own_delimiter_early() -> None:
    first, second = (env_forms.github({"A": "x\ny"}).split("\n")[0] for _ in range(2))
    assert first != second


def test_masks_name_every_password_and_nothing_else() -> None:
    values = {"PGUSER": "postgres", "PGPASSWORD": "p%1", "SANDBOX_X_PASSWORD": "p%1", "MYSQL_PWD": "two"}
    masks = env_forms.github_masks(values).split("\n")
    # A percent sign begins an escape in a workflow command; in a URL the password is spelled otherwise.
    assert masks == ["::add-mask::p%251", "::add-mask::p%25251", "::add-mask::two"]


@pytest.mark.docker
def test_docker_compose_reads_them_as_they_are(tmp_path: Path) -> None:
    if shutil.which("docker") is None:
        pytest.skip("no docker here")
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no docker compose here")
    (tmp_path / "sandbox.env").write_text(env_forms.compose(VALUES) + "\n")
    (tmp_path / "compose.yaml").write_text("services: {app: {image: none, env_file: sandbox.env}}\n")
    done = subprocess.run(
        ["docker", "compose", "config", "--format", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)["services"]["app"]["environment"]
    # It shows the configuration in its own language, in which a dollar sign is written twice.
    assert {name: value.replace("$$", "$") for name, value in found.items()} == VALUES
