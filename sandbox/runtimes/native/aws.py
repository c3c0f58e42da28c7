"""MiniStack from its wheel, in an environment of its own, started by :mod:`.aws_server`; and the AWS CLI.

Source of the variables: ``ministack/app.py`` of 1.5.33.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox.engines.aws import ACCOUNT, REGION
from sandbox.events import Sink
from sandbox.runtimes.base import ServiceSpec
from sandbox.runtimes.native.aws_python import python_for_engines
from sandbox.runtimes.native.environments import environment
from sandbox.runtimes.native.recipe import Context, Installed, Recipe

SAVE_SECONDS = 1.0
"""How long a change may wait until it is saved: about what a kill -9 loses."""
SOURCES = (
    "aws_server.py",
    "aws_gate.py",
    "aws_save.py",
    "aws_http.py",
    "aws_mend.py",
    "aws_copies.py",
    "aws_dynamodb.py",
    "aws_kinesis.py",
)


class AwsRecipe(Recipe):
    """One process for all services and accounts; state in JSON files, S3 objects in files of their own."""

    engine = "aws"
    version = "1.5.33"
    product = "MiniStack 1.5"
    groups = ("ministack", "awscli")
    memory_mib = 90
    disk_mib = 420
    order = 60
    approximation = (
        "MiniStack imitates the interfaces of AWS: no limits of throughput, no delays, one machine."
    )
    lacks = frozenset(
        # Point-in-time recovery can be switched on, but what is restored is the table of now.
        {"throttling", "table-export", "point-in-time-recovery", "anonymous-access", "replication"}
    )

    def install(self, cache: Path, sink: Sink, *, offline: bool) -> Installed:
        with ThreadPoolExecutor(2) as pool:
            # Some seconds each when they are made, and nothing when they are there.
            both = [pool.submit(environment, g, cache, sink=sink, offline=offline) for g in self.groups]
            server, cli = (made.result() for made in both)
        python = python_for_engines(cache, sink)
        paths = {"packages": server.packages, "cli": cli.root, "python": python.program}
        if python.libraries:
            paths["libraries"] = python.libraries
        return Installed(paths, bin=(cli.bin,))

    def initialise(self, context: Context) -> None:
        """Nothing: the folders are made at the start."""

    def service(self, context: Context) -> ServiceSpec:
        paths = context.installed.paths
        # Copies, because the user who runs them may not be able to reach our package.
        files = {context.work / name: text for name, text in sources().items()}
        env = {
            **settings(context.credentials.admin, str(context.data), durable=context.durable),
            "GATEWAY_PORT": str(context.ports["main"]),
            "SANDBOX_BIND": "127.0.0.1",
            # No Docker, where it removes containers that it takes for its own.
            "DOCKER_HOST": f"unix://{context.work}/no-docker",
        }
        if "libraries" in paths:
            env["LD_LIBRARY_PATH"] = str(paths["libraries"])
        return ServiceSpec(
            argv=[str(paths["python"]), "-I", "-S", str(context.work / SOURCES[0]), str(paths["packages"])],
            cwd=context.work,
            ports=context.ports,
            env=env,
            files=files,
        )


def sources() -> dict[str, str]:
    """What runs inside of MiniStack's process, by file name; the first one is to be started."""
    return {name: Path(__file__).with_name(name).read_text("utf-8") for name in SOURCES}


def settings(secret: str, data: str, *, durable: bool) -> dict[str, str]:
    """Variables of MiniStack and of what we add to it, for state in a folder ``data``."""
    return {
        "SANDBOX_SECRET": secret,
        "SANDBOX_SAVE_SECONDS": str(SAVE_SECONDS),
        "SANDBOX_DURABLE": "1" if durable else "0",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "PERSIST_STATE": "1",
        "STATE_DIR": f"{data}/state",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": f"{data}/s3",
        "LOG_LEVEL": "WARNING",
        # Nothing else that listens.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


RECIPE = AwsRecipe()
