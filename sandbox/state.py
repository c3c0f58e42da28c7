"""The state folder of one sandbox: durable facts, apart from what is true only now.

::

    <home>/<name>/state.json      durable facts (EngineRecord for each engine), atomic writes, schema version
    <home>/<name>/secrets.json    passwords, 0600
    <home>/<name>/lock            held by the one command that changes the sandbox
    <home>/<name>/snapshots/      see :mod:`sandbox.snapshots`
    <home>/<name>/run/            records of processes, by the processes themselves
    <home>/<name>/engines/<e>/    data, work, engine.log

What is alive is never read from state.json: it is asked of the system each time.
"""

from __future__ import annotations

import json
import os
import re
import secrets as random_secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from sandbox import config
from sandbox.engines.base import Credentials
from sandbox.errors import EnvironmentRefusedError, UsageError
from sandbox.events import Said, Sink

SCHEMA_VERSION = 1
RESTORE = "restore.json"
"""File in the state folder that says which restore of a snapshot was begun and is not done."""
_REPLICA = "-replica-"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass
class EngineRecord:
    """Durable facts of one engine in one sandbox. ``wanted``: up since it was last asked for.
    ``golden`` is set while the data folder still has the golden copy's passwords (its key). ``options`` are
    settings of the engine, in the recipe's words; ``follows`` is the port on which a replica was told to find
    its primary; ``provider`` which of the engine's products serves it, empty for the first of them;
    ``image`` the one that was named in the place of the official image, in Docker; ``ring``: it runs so that
    other nodes can join."""

    runtime: str
    ports: dict[str, int] = field(default_factory=dict)
    version: str = ""
    product: str = ""
    dataset: str = ""
    dataset_label: str = ""
    scale: int = 1
    wanted: bool = False
    durable: bool = False
    golden: str = ""
    seconds: float | None = None
    options: dict[str, str] = field(default_factory=dict)
    follows: int | None = None
    provider: str = ""
    image: str = ""
    ring: bool = False


def replica_name(engine: str, number: int) -> str:
    """What the n-th replica of an engine is called: ``postgres-replica-1``."""
    return f"{engine}{_REPLICA}{number}"


def engine_of(name: str) -> str:
    """The engine of a seat's name: ``postgres`` of ``postgres`` and of ``postgres-replica-1``."""
    return name.partition(_REPLICA)[0]


def kind_of(engine: str, provider: str) -> str:
    """``aws-localstack`` of ``aws`` and ``localstack``; the engine alone for its usual provider."""
    return f"{engine}-{provider}" if provider else engine


def replica_number(name: str) -> int:
    """1 of ``postgres-replica-1``, 0 of ``postgres``."""
    number = name.partition(_REPLICA)[2]
    return int(number) if number.isdigit() else 0


@dataclass
class Seat:
    """An engine's place in a sandbox: its folders, its record, its passwords. A replica has one of its own,
    with its primary's passwords; ``replica`` is its number then."""

    sandbox: str
    engine: str
    root: Path
    record: EngineRecord
    credentials: Credentials
    replica: int = 0

    @property
    def name(self) -> str:
        """``postgres``, ``postgres-replica-1``."""
        return replica_name(self.engine, self.replica) if self.replica else self.engine

    @property
    def kind(self) -> str:
        """What a runtime knows it by: its engine, and the provider when it is not the usual one
        (``aws-localstack``)."""
        return kind_of(self.engine, self.record.provider)

    @property
    def folder(self) -> Path:
        return self.root / "engines" / self.name

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def log(self) -> Path:
        return self.folder / "engine.log"

    @property
    def run(self) -> Path:
        """Record of the engine's process."""
        return self.root / "run" / f"{self.name}.pid"

    @property
    def build_run(self) -> Path:
        """Record of the process that makes a golden copy for it."""
        return self.root / "run" / f"{self.name}.build.pid"

    @property
    def mark(self) -> str:
        return f"{self.root}:{self.name}"


def write_atomic(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file whole or not at all, also over a crash."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as problem:
        with suppress(OSError):
            temporary.unlink()
        raise EnvironmentRefusedError(
            f"{path} could not be written: {problem}", code="cannot-write"
        ) from problem


def check_name(name: str) -> str:
    """The name of a sandbox, or UsageError when it cannot be one."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a sandbox.",
            code="bad-name",
            detail="A name is 1 to 32 of a-z, 0-9, - and _, and begins with a letter or digit.",
        )
    return name


def names() -> list[str]:
    """The sandboxes that have a state folder."""
    home = config.home()
    if not home.is_dir():
        return []
    return sorted(p.parent.name for p in home.glob("*/state.json"))


class State:
    """The state folder of one sandbox, read on construction. ``root`` is its place when it is not one that a
    person named (an instance, see :mod:`sandbox.instances`)."""

    def __init__(self, name: str, root: Path | None = None) -> None:
        self.name = name if root else check_name(name)
        self.root = root or config.home() / name
        self.engines: dict[str, EngineRecord] = {}
        self._passwords: dict[str, dict[str, str]] = {}
        self._guard = threading.Lock()
        self.read()

    @property
    def path(self) -> Path:
        return self.root / "state.json"

    @property
    def _secrets(self) -> Path:
        return self.root / "secrets.json"

    def read(self) -> None:
        """Read the files again; errors name the file and how to go on, and nothing is deleted."""
        document = self._document(self.path)
        version = document.get("schema_version", SCHEMA_VERSION)
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise EnvironmentRefusedError(
                f"{self.path} is of a newer sandbox (schema {version}, known here: {SCHEMA_VERSION}).",
                code="state-newer",
                actions=[
                    "use the newer sandbox that wrote it",
                    "sandbox up --name other   # leaves this one alone",
                ],
            )
        known = {f.name for f in fields(EngineRecord)}
        try:
            self.engines = {
                name: EngineRecord(**{k: v for k, v in record.items() if k in known})
                for name, record in document.get("engines", {}).items()
            }
            self._passwords = dict(self._document(self._secrets))
        except (AttributeError, TypeError) as problem:
            raise self._corrupt(self.path, str(problem)) from problem

    def _document(self, path: Path) -> dict[str, Any]:
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except PermissionError as problem:
            raise EnvironmentRefusedError(
                f"{path} belongs to another user.", code="state-unreadable", detail=str(problem)
            ) from problem
        except (ValueError, OSError) as problem:
            raise self._corrupt(path, str(problem)) from problem
        if not isinstance(document, dict):
            raise self._corrupt(path, "it is not a JSON object")
        return document

    def _corrupt(self, path: Path, why: str) -> EnvironmentRefusedError:
        return EnvironmentRefusedError(
            f"{path} cannot be read: {why}.",
            code="state-corrupt",
            detail="Nothing was changed. Processes that still run are found by `down` without this file.",
            actions=[
                f"sandbox down --name {self.name}   # ends what runs",
                f"mv {path} {path}.broken   # then `sandbox up` begins anew",
            ],
        )

    def save(self) -> None:
        """Write both files. Safe to call from the threads that start engines."""
        with self._guard:
            self.make_root()
            write_atomic(self._secrets, json.dumps(self._passwords, indent=1, sort_keys=True) + "\n")
            document = {
                "schema_version": SCHEMA_VERSION,
                "name": self.name,
                "engines": {name: asdict(record) for name, record in self.engines.items()},
            }
            write_atomic(self.path, json.dumps(document, indent=1) + "\n", 0o644)

    def make_root(self) -> None:
        """Make the folder. Others may pass through (engines run as a lesser user under root), not look in."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o711)
        except OSError as problem:
            raise EnvironmentRefusedError(
                f"The state folder {self.root} cannot be made: {problem}",
                code="home-unwritable",
                actions=["export SANDBOX_HOME=~/some/folder"],
            ) from problem

    def replicas(self, engine: str) -> list[str]:
        """The names of an engine's replicas, the first one first."""
        found = (name for name in self.engines if name != engine and engine_of(name) == engine)
        return sorted(found, key=replica_number)

    def seat(self, name: str, runtime: str = "native") -> Seat:
        """The place of an engine or a replica, with new passwords when the engine has none yet (not saved
        until :meth:`save`). ``runtime`` is what shall run an engine of which there is no record; a replica
        runs as its primary does."""
        engine = engine_of(name)
        if name not in self.engines:
            primary = self.engines.get(engine)
            self.engines[name] = EngineRecord(runtime=primary.runtime if primary else runtime)
        record = self.engines[name]
        pair = self._passwords.setdefault(
            engine, {"admin": random_secrets.token_hex(12), "learner": random_secrets.token_hex(12)}
        )
        credentials = Credentials(pair["admin"], pair["learner"])
        return Seat(self.name, engine, self.root, record, credentials, replica_number(name))

    def set_password(self, engine: str, password: str) -> None:
        """Keep the administrator's password of an engine that is not ours (not saved until :meth:`save`)."""
        self._passwords[engine]["admin"] = password

    def forget(self, name: str) -> None:
        """Drop the record and the passwords of an engine or a replica (its data is deleted)."""
        self.engines.pop(name, None)
        self._passwords.pop(name, None)

    @contextmanager
    def locked(self, sink: Sink) -> Iterator[None]:
        """Hold the sandbox's lock; a second command waits, and says for whom. The kernel frees the lock
        when its holder dies, so a killed command leaves none."""
        from filelock import FileLock, Timeout

        self.make_root()
        lock = FileLock(self.root / "lock", mode=0o644)
        try:
            lock.acquire(timeout=0.05)
        except Timeout:
            sink(Said(f"Another command is changing sandbox {self.name!r}; waiting for it to end."))
            lock.acquire()
        try:
            self.read()
            yield
        finally:
            lock.release()
