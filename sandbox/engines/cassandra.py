"""Apache Cassandra, standing in for Amazon Keyspaces."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sandbox.endpoint import Endpoint
from sandbox.engines.base import PROBE_SECONDS, Attempt, Credentials, Engine, Replication
from sandbox.engines.cassandra_driver import REQUEST_SECONDS, Wire, name, prepare_driver, session, text
from sandbox.engines.cassandra_nodetool import FORGET, run
from sandbox.engines.cassandra_tables import COPIES, COUNTED, KEYSPACE, SHAPES, replication
from sandbox.events import Sink, silent

if TYPE_CHECKING:
    from sandbox.clients.base import Client
    from sandbox.datasets.dataset import Dataset

SERVER_KEYSPACES = frozenset(
    (
        "system",
        "system_auth",
        "system_distributed",
        "system_schema",
        "system_traces",
        "system_views",
        "system_virtual_schema",
    )
)
"""What belongs to the server itself."""

LEARNER_GRANTS = (
    f"SELECT ON KEYSPACE {KEYSPACE}",
    # Not on one keyspace: Cassandra checks this one for CREATE KEYSPACE. Who creates a keyspace owns it.
    "CREATE ON ALL KEYSPACES",
    # What TRACING ON shows, and the counters and clients that monitoring looks at.
    "SELECT ON KEYSPACE system_traces",
    "SELECT ON KEYSPACE system_views",
)


class CassandraEngine(Engine):
    """Speaks CQL through the DataStax driver. ``owns`` knows ``keyspaces`` and ``roles``; both may be
    patterns (``shop_*``)."""

    name = "cassandra"
    title = "Apache Cassandra"
    services = ("keyspaces",)
    default_port = 9042
    admin = "cassandra"
    suffixes = (".cql",)

    def endpoint(self, host: str, port: int, credentials: Credentials) -> Endpoint:
        return _endpoint(host, port, self.admin, credentials.admin)

    def probe(self, endpoint: Endpoint, *, seconds: float = PROBE_SECONDS) -> None:
        with Wire(endpoint, seconds=seconds) as wire:
            wire.rows("SELECT release_version FROM system.local")

    def warm(self, endpoint: Endpoint) -> None:  # noqa: ARG002
        prepare_driver()

    def version(self, endpoint: Endpoint) -> str:
        with Wire(endpoint, seconds=REQUEST_SECONDS) as wire:
            return str(wire.rows("SELECT release_version FROM system.local")[0][0])

    @contextmanager
    def connect(self, endpoint: Endpoint) -> Iterator[Any]:
        with session(endpoint, keyspace=endpoint.database) as made:
            yield made

    def connect_guarded(self, endpoint: Endpoint) -> AbstractContextManager[Any]:
        return self.connect_preparing(endpoint)

    def connect_preparing(self, endpoint: Endpoint) -> AbstractContextManager[Any]:
        from sandbox.engines.cassandra_kept import kept_session

        # One in an answer's keyspace would not know that the keyspace was dropped and made again.
        return kept_session(endpoint) if endpoint.database in ("", KEYSPACE) else self.connect(endpoint)

    def env(self, endpoint: Endpoint) -> dict[str, str]:
        return {
            "CQLSH_HOST": endpoint.host,
            "CQLSH_PORT": str(endpoint.port),
            "CASSANDRA_HOST": endpoint.host,
            "CASSANDRA_PORT": str(endpoint.port),
            "CASSANDRA_USER": endpoint.user,
            "CASSANDRA_PASSWORD": endpoint.password,
            "CASSANDRA_KEYSPACE": endpoint.database,
        }

    def secure(self, old: Endpoint, new: Endpoint, credentials: Credentials) -> None:
        try:
            wire = Wire(old, seconds=REQUEST_SECONDS)
        except Exception:  # noqa: BLE001 - done before, as far as it got: then the new password is right
            wire = Wire(new, seconds=REQUEST_SECONDS)
        with wire:
            # The administrator's comes last: until then the old one opens, and all can be done again.
            _set_learner(wire.rows, self.learner, credentials.learner)
            wire.rows(f"ALTER ROLE {self.admin} WITH PASSWORD = {text(credentials.admin)}")

    def load(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        from sandbox.engines.cassandra_load import copies, fill, prepare_keyspace, truncate

        with session(endpoint, quorum=True) as made:
            fresh = prepare_keyspace(made, copies=copies(made))
            truncate(made, [shape for shape in SHAPES if shape not in fresh])
            fill(made, dataset, SHAPES, sink)
            _grant_learner(made, self.learner)
            return _counts(made)

    def counts(self, endpoint: Endpoint) -> dict[str, int]:
        with session(endpoint) as made:
            return _counts(made)

    def reset(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        from sandbox.engines.cassandra_load import changed, copies, fill, prepare_keyspace, truncate

        with session(endpoint, quorum=True) as made:
            _drop(made, "KEYSPACE", [k for k in _keyspaces(made) if k != KEYSPACE])
            drop_snapshots(made, ["*"])
            _drop(made, "ROLE", [r for r in _roles(made) if r not in (self.admin, self.learner)])
            empty = prepare_keyspace(made, copies=copies(made))
            dirty = changed(made, dataset, [shape for shape in SHAPES if shape not in empty])
            truncate(made, dirty)
            fill(made, dataset, [*empty, *dirty], sink)
            _restore_learner(made, self.learner)
            return _counts(made)

    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:
        from sandbox.engines.cassandra_kept import kept_wire

        with kept_wire(endpoint) as made:
            self._drop_owned(made, attempt)
            # Only given here, never taken: another attempt may be under way with keyspaces of its own.
            _make_learner_again(made, endpoint, self.learner, credentials.learner)
            if attempt.owns.get("roles"):
                made.execute(f"GRANT CREATE ON ALL ROLES TO {self.learner}")
        # As in cqlsh, an answer that makes a keyspace begins in none.
        keyspace = "" if attempt.owns.get("keyspaces") else KEYSPACE
        return _endpoint(endpoint.host, endpoint.port, self.learner, credentials.learner, keyspace)

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        from sandbox.engines.cassandra_kept import kept_wire

        with kept_wire(endpoint) as made:
            self._drop_owned(made, attempt)
            if attempt.owns.get("roles"):
                made.execute(f"REVOKE CREATE ON ALL ROLES FROM {self.learner}")

    def replication(self, replica: Endpoint, primary: Endpoint | None) -> Replication:
        with Wire(replica) as made:
            [(joined, identity)] = made.rows("SELECT bootstrapped, host_id FROM system.local")
        if joined != "COMPLETED":
            return Replication(following=False, problem=f"it has not joined the ring: {joined}")
        if primary is None:
            return Replication(following=True)
        seen = {node: state for state, node in _nodes(primary)}
        state = seen.get(str(identity), "not in the ring")
        problem = "" if state == "UN" else f"for the first node it is {state}"
        return Replication(following=not problem, problem=problem)

    def welcome(self, primary: Endpoint, name: str) -> None:
        # Before it joins: a node that does brings itself a copy of all that it shall have.
        number = 1 + int(name.rpartition("_")[2])
        with Wire(primary, seconds=REQUEST_SECONDS) as made:
            for keyspace in (KEYSPACE, "system_auth"):
                row = made.rows(
                    "SELECT replication FROM system_schema.keyspaces"  # noqa: S608
                    f" WHERE keyspace_name = {text(keyspace)}"
                )
                if row and int(row[0][0].get("replication_factor", 1)) < min(COPIES, number):
                    made.rows(f"ALTER KEYSPACE {keyspace} {replication(min(COPIES, number))}")

    def client(self, endpoint: Endpoint) -> Client:
        from sandbox.clients.cql import CqlClient

        return CqlClient(endpoint)

    def attempt_endpoint(self, endpoint: Endpoint, attempt: Attempt) -> Endpoint:
        return replace(endpoint, database="") if attempt.owns.get("keyspaces") else endpoint

    def _drop_owned(self, made: Any, attempt: Attempt) -> None:
        from sandbox.engines.cassandra_load import drop_strangers

        keyspaces = attempt.owns.get("keyspaces", ())
        roles = attempt.owns.get("roles", ())
        _drop(made, "KEYSPACE", [k for k in _keyspaces(made) if k != KEYSPACE and _matches(k, keyspaces)])
        # They would outlive their keyspace. Those of the dataset's are a person's own.
        drop_snapshots(made, [pattern for pattern in keyspaces if pattern != KEYSPACE])
        ours = (self.admin, self.learner)
        if roles:
            _drop(made, "ROLE", [r for r in _roles(made) if r not in ours and _matches(r, roles)])
        # The right to create keyspaces, which an answer needs, covers tables in all of them.
        drop_strangers(made)


def _nodes(endpoint: Endpoint) -> list[tuple[str, str]]:
    """State (``UN`` is up and normal) and host id of each node, as one of them sees it."""
    out = run(endpoint, ["status"]).out
    return re.findall(r"^([UD][NLJM]) .* ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) ", out, re.MULTILINE)


def _endpoint(host: str, port: int, user: str, password: str, keyspace: str = KEYSPACE) -> Endpoint:
    url = f"cassandra://{quote(user)}:{quote(password)}@{host}:{port}/{keyspace}"
    return Endpoint("cassandra", host, port, user, password, keyspace, url)


def _counts(made: Any) -> dict[str, int]:
    there = {
        row[0]
        for row in made.execute(
            f"SELECT table_name FROM system_schema.tables WHERE keyspace_name = {text(KEYSPACE)}"  # noqa: S608
        )
    }
    futures = {
        table: made.execute_async(f"SELECT count(*) FROM {KEYSPACE}.{table}")  # noqa: S608
        for table in COUNTED
        if table in there
    }
    return {table: int(future.result().one()[0]) for table, future in futures.items()}


def _keyspaces(made: Any) -> list[str]:
    rows = made.execute("SELECT keyspace_name FROM system_schema.keyspaces")
    return [row[0] for row in rows if row[0] not in SERVER_KEYSPACES]


def _roles(made: Any) -> list[str]:
    return [row[0] for row in made.execute("SELECT role FROM system_auth.roles")]


def _drop(made: Any, kind: str, names: Iterable[str]) -> None:
    for found in names:
        made.execute(f"DROP {kind} IF EXISTS {name(found)}")


def drop_snapshots(made: Any, patterns: Iterable[str]) -> None:
    """Remove the snapshots of some keyspaces, also of such as are gone."""
    from cassandra import InvalidRequest

    found = set(patterns)
    # The server would look through all its folders for them.
    if any(set(pattern) & set("*?[") for pattern in found):
        try:
            rows = made.execute("SELECT keyspace_name FROM system_views.snapshots")
        except InvalidRequest:  # a server before 4.1
            return
        found = {row[0] for row in rows if _matches(row[0], found)}
    if found:
        sent = {FORGET: "\0".join(sorted(found)).encode()}
        made.execute("SELECT key FROM system.local", custom_payload=sent)


def _matches(found: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(found, pattern) for pattern in patterns)


def _set_learner(execute: Any, learner: str, password: str) -> None:
    given = f"PASSWORD = {text(password)} AND LOGIN = true AND SUPERUSER = false"
    execute(f"CREATE ROLE IF NOT EXISTS {learner} WITH {given}")
    execute(f"ALTER ROLE {learner} WITH {given}")


def _grant_learner(made: Any, learner: str) -> None:
    for grant in LEARNER_GRANTS:
        made.execute(f"GRANT {grant} TO {learner}")


_hashes: dict[tuple[str, int, str], str] = {}
"""What a server keeps of a learner's password, by host, port and password, where this process has set it."""


def _make_learner_again(made: Wire, endpoint: Endpoint, learner: str, password: str) -> None:
    """Password, login and rights as they should be; each statement for it costs the server more than a look
    whether it is needed."""
    key = (endpoint.host, endpoint.port, password)
    look = f"SELECT can_login, is_superuser, salted_hash FROM system_auth.roles WHERE role = {text(learner)}"  # noqa: S608
    if [(True, False, _hashes.get(key))] != made.rows(look):
        _set_learner(made.rows, learner, password)
        _hashes[key] = made.rows(look)[0][2]
    rights = made.rows(
        f"SELECT resource, permissions FROM system_auth.role_permissions WHERE role = {text(learner)}"  # noqa: S608
    )
    held = {f"{right} ON {_resource(resource)}" for resource, several in rights for right in several}
    for grant in LEARNER_GRANTS:
        if grant not in held:
            made.rows(f"GRANT {grant} TO {learner}")


def _restore_learner(made: Any, learner: str) -> None:
    """Exactly the learner's own rights, whatever was granted or revoked meanwhile."""
    if learner not in _roles(made):
        # Its password is known to whoever begins an attempt, who makes it anew.
        return
    for row in made.execute(f"LIST ROLES OF {learner} NORECURSIVE"):
        if row.role != learner:
            made.execute(f"REVOKE {name(row.role)} FROM {learner}")
    rights = made.execute(
        f"SELECT resource, permissions FROM system_auth.role_permissions WHERE role = {text(learner)}"  # noqa: S608
    )
    for resource, permissions in rights:
        spoken = _resource(resource)
        for permission in permissions:
            if spoken and f"{permission} ON {spoken}" not in LEARNER_GRANTS:
                made.execute(f"REVOKE {permission} ON {spoken} FROM {learner}")
    _grant_learner(made, learner)


def _resource(path: str) -> str:
    """A resource as GRANT names it, from the path that ``system_auth`` keeps (``data/sandbox/orders``).

    Empty for single functions: they are gone with their keyspace."""
    kind, *names = path.split("/")
    if kind == "data":
        if not names:
            return "ALL KEYSPACES"
        if len(names) == 1:
            return f"KEYSPACE {_plain(names[0])}"
        return f"TABLE {_plain(names[0])}.{_plain(names[1])}" if names[1] != "*" else ""
    if kind == "roles":
        return f"ROLE {name(names[0])}" if names else "ALL ROLES"
    if kind == "functions" and len(names) < 2:
        return f"ALL FUNCTIONS IN KEYSPACE {_plain(names[0])}" if names else "ALL FUNCTIONS"
    return ""


def _plain(identifier: str) -> str:
    return identifier if re.fullmatch("[a-z][a-z0-9_]*", identifier) else name(identifier)


ENGINE = CassandraEngine()
