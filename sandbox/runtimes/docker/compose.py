"""The Compose command, on the Compose file of an engine and what one sandbox adds to it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox import config
from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.docker import client
from sandbox.runtimes.docker.recipe import Container, Recipe, as_bytes, recipe
from sandbox.runtimes.native.process import MARK
from sandbox.runtimes.ports import HOST
from sandbox.state import Seat, write_atomic


def file_of(kind: str) -> Path:
    """The Compose file of an engine, or of another provider of it (``aws-localstack``), which ships with the
    product."""
    return config.resources("compose") / f"{kind}.yaml"


def project(seat: Seat) -> str:
    """The Compose project of a seat: its own, so that engines start and end apart from each other."""
    name = re.sub(r"[^a-z0-9_-]", "-", seat.sandbox)
    return f"sandbox-{name}-{place(seat)}-{seat.name}"


def place(seat: Seat) -> str:
    """What tells in names the sandboxes of one engine apart: a hash of the state folder."""
    return hashlib.sha256(str(seat.root).encode()).hexdigest()[:8]


def container_name(seat: Seat) -> str:
    """What Compose calls the container of a seat."""
    return f"{project(seat)}-{service(seat)}-1"


def service(seat: Seat) -> str:
    """The service of the Compose file that a seat's container is of: ``postgres``, ``postgres-replica``."""
    return f"{seat.engine}-replica" if seat.replica else seat.engine


def labels(seat: Seat) -> dict[str, str]:
    """What tells our containers, volumes and networks from others, and whose they are."""
    return {
        client.LABEL: "true",
        client.ROOT_LABEL: str(seat.root),
        client.SEAT_LABEL: seat.name,
        "sandbox.name": seat.sandbox,
    }


def override(seat: Seat, found: Recipe, wish: Container) -> dict[str, Any]:
    """The second Compose file: what one sandbox adds to the engine's."""
    settings: dict[str, Any] = {
        "labels": labels(seat),
        # No network of its own: an engine has only some thirty to give.
        "network_mode": "bridge",
        "stop_grace_period": f"{found.stop_seconds}s",
        "environment": {key: value.replace("$", "$$") for key, value in wish.environment.items()},
        "pull_policy": "never",
        # Our own probe says when it is ready; each check is a process to start.
        "healthcheck": {"interval": "30s"},
        # A replica's primary is there before it, in a project of its own.
        "depends_on": _RESET,
    }
    for key in ("command", "entrypoint"):
        words = getattr(wish, key)
        if words is not None:
            settings[key] = [word.replace("$", "$$") for word in words]
    if wish.user is not None:
        settings["user"] = wish.user
    if wish.tmpfs is not None:
        settings["tmpfs"] = list(wish.tmpfs)
    return {
        "services": {service(seat): settings},
        "volumes": {
            key: {"name": name, "labels": labels(seat)}
            for key, name in zip(volume_keys(seat), volume_names(seat), strict=True)
        },
    }


_RESET = "nothing of this"


def made_of(seat: Seat, found: Recipe, wish: Container) -> str:
    """A hash of all that a seat's container is made of."""
    more = {k: v for k, v in os.environ.items() if PASSED.fullmatch(k)}
    facts = [
        file_of(seat.kind).read_text(encoding="utf-8"),
        json.dumps(override(seat, found, wish)["services"], sort_keys=True),
        json.dumps([variables(seat, wish), more], sort_keys=True),
    ]
    digest = hashlib.sha256("\0".join(facts).encode())
    for path, content in sorted(wish.files.items()):
        digest.update(path.encode() + b"\0" + (b"" if callable(content) else as_bytes(content)))
    return digest.hexdigest()[:16]


def variables(seat: Seat, wish: Container) -> dict[str, str]:
    """What fills the ``${...}`` of the engine's Compose file."""
    return {
        "SANDBOX_PASSWORD": seat.credentials.admin,
        f"SANDBOX_{service(seat).upper().replace('-', '_')}_PORT": str(seat.record.ports["main"]),
        **wish.variables,
    }


class Compose:
    """The Compose project of one seat. Its second file and its variables are in the seat's work folder."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self._override = seat.work / "compose.json"
        self._variables = seat.work / "compose.env"

    def write(self, found: Recipe, wish: Container, made: str) -> None:
        """Write what the sandbox adds to the engine's Compose file; ``made`` is the label that says of what
        its container is made."""
        seat = self.seat
        seat.work.mkdir(parents=True, exist_ok=True)
        seat.work.chmod(0o700)
        more = override(seat, found, wish)
        more["services"][service(seat)]["labels"][client.MADE_LABEL] = made
        text = json.dumps(more, indent=1)
        # JSON is YAML, but for the one word that takes something away.
        write_atomic(self._override, text.replace(f'"{_RESET}"', "!reset {}"))
        given = variables(seat, wish)
        write_atomic(self._variables, "".join(f"{k}='{v}'\n" for k, v in given.items()))

    def run(self, *words: str, seconds: float = 600) -> str:
        """Run a Compose command on the project; what it printed. EnvironmentRefusedError when it fails."""
        files = ["--file", str(file_of(self.seat.kind))]
        if self._override.exists():
            files += ["--file", str(self._override), "--env-file", str(self._variables)]
        command = [*client.plugin(), "--project-name", project(self.seat), "--progress", "plain", *files]
        try:
            ended = subprocess.run(
                [*command, *words],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=seconds,
                stdin=subprocess.DEVNULL,
                env=_environment(),
            )
        except subprocess.TimeoutExpired as problem:
            raise EnvironmentRefusedError(
                f"docker compose {words[0]} did not end within {seconds:g} s.",
                code="docker-slow",
                actions=["sandbox doctor", "docker ps"],
            ) from problem
        if ended.returncode != 0:
            raise refused(self.seat, words[0], ended.stderr)
        return ended.stdout


PASSED = re.compile(r"SANDBOX_[A-Z]+_(IMAGE|MEMORY)")
"""What a person may say to the Compose files through the environment, besides what a sandbox says."""


def _environment() -> dict[str, str]:
    # Variables of the sandbox in the shell would win over those that are given in the file. Its mark stays:
    # by that the next command finds what a killed one left at work.
    kept = {
        k: v
        for k, v in os.environ.items()
        if k == MARK or PASSED.fullmatch(k) or not k.startswith(("SANDBOX_", "COMPOSE_"))
    }
    return {**kept, "DOCKER_HOST": client.reachable(client.host())}


def volume_keys(seat: Seat) -> list[str]:
    """A seat's volumes in its engine's Compose file: those of a replica begin with its service's name."""
    _, _, section = file_of(seat.kind).read_text(encoding="utf-8").partition("\nvolumes:\n")
    names = re.findall(r"^  ([a-z-]+):", section, re.MULTILINE)
    return [n for n in names if n.startswith(f"{seat.engine}-replica") == bool(seat.replica)]


def volume_names(seat: Seat) -> list[str]:
    """The volumes of a seat's project, there or not."""
    return [f"{project(seat)}_{key}" for key in volume_keys(seat)]


_CAUSES: Mapping[str, str] = {
    "No such image": "docker-image-missing",
    "no such host": "docker-image-missing",
    "permission denied while trying to connect": "docker-permission",
    "Cannot connect to the Docker daemon": "docker-not-running",
    "failed to connect to the docker API": "docker-not-running",
    "no space left on device": "disk-full",
}


def refused(seat: Seat, word: str, errors: str) -> EnvironmentRefusedError:
    """What Compose says, by its cause: it exits with 1 for all of them."""
    lines = errors.strip().splitlines()[-8:] or ["it gave no reason"]
    last = "\n".join(lines)
    code = next((code for text, code in _CAUSES.items() if text in errors), "docker-compose-failed")
    if code == "docker-image-missing":
        return image_missing([(seat.kind, "")], last)
    return EnvironmentRefusedError(
        f"docker compose {word} failed for {seat.name}: {lines[-1]}",
        code=code,
        detail=last,
        actions=["sandbox doctor", f"sandbox logs {seat.name}"],
    )


def image_missing(lacking: list[tuple[str, str]], detail: str = "") -> EnvironmentRefusedError:
    """Images that are not on the engine and cannot be had now."""
    kinds = [kind for kind, _ in lacking]
    listed = ", ".join(image or kind for kind, image in lacking)
    engines = " ".join(kind for kind in kinds if "-" not in kind)
    actions = []
    if engines:
        actions += [
            f"sandbox pull {engines} --runtime docker   # with a network",
            f"sandbox up {engines} --runtime native",
        ]
    for kind in kinds:
        engine, _, provider = kind.partition("-")
        if provider:
            actions += [
                f"docker pull {recipe(kind).chosen_image}   # with a network",
                f"sandbox up {engine}   # its usual provider",
            ]
    return EnvironmentRefusedError(
        f"Docker images are missing: {listed}.",
        code="docker-image-missing",
        detail=detail,
        actions=actions,
    )


def address(seat: Seat) -> tuple[str, int]:
    """Where a seat's engine is published."""
    return HOST, seat.record.ports["main"]
