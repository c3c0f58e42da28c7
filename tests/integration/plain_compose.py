"""The Compose file of an engine as anybody uses it, without `sandbox`."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.runtimes.docker import client, compose
from sandbox.runtimes.docker.recipe import recipe
from tests.integration.free_port import free_port


@contextmanager
def composed(engine: str, *, profile: str = "", seconds: float = 600) -> Iterator[tuple[int, str]]:
    """``docker compose up --wait`` on ``compose/<engine>.yaml``: the port it is published on and the name of
    its project; gone with its volumes afterwards."""
    port, project = free_port(), f"plain-{engine}-{uuid.uuid4().hex[:8]}"
    command = [*client.plugin(), "--project-name", project, "--file", str(compose.file_of(engine))]
    command += ["--profile", profile] if profile else []
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SANDBOX_", "COMPOSE_"))}
    env |= {f"SANDBOX_{engine.upper()}_PORT": str(port), "DOCKER_HOST": client.host()}
    if profile:
        env[f"SANDBOX_{engine.upper()}_REPLICA_PORT"] = str(free_port(port))

    def run(*words: str) -> None:
        ended = subprocess.run(
            [*command, *words], capture_output=True, text=True, check=False, env=env, timeout=seconds
        )
        assert ended.returncode == 0, ended.stderr

    try:
        run("up", "--detach", "--wait", "--pull", "never")
        yield port, project
    finally:
        run("down", "--volumes", "--timeout", str(recipe(engine).stop_seconds))
