"""MongoDB, as the driver and mongosh see it. The dataset lies in the database ``sandbox``.

Each attempt at an exercise has a user of its own, who owns the databases that the exercise names and reads
the dataset.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sandbox.endpoint import Endpoint
from sandbox.engines.base import PROBE_SECONDS, Attempt, Credentials, Engine
from sandbox.events import Sink, silent

if TYPE_CHECKING:
    from pymongo import MongoClient

    from sandbox.clients.base import Client
    from sandbox.datasets import Dataset

DATABASE = "sandbox"

ATTEMPT_USER = "learner_"
"""What the names of the learners of attempts begin with: ``learner_<key>``."""

_SYSTEM = ("admin", "config", "local")
_NO_SUCH_COMMAND = 59


class Mongodb(Engine):
    """Documents of the dataset: see :mod:`sandbox.engines.mongodb_load`."""

    name = "mongodb"
    title = "MongoDB"
    services = ("documentdb",)
    default_port = 27017
    admin = "admin"
    suffixes = (".js",)

    def endpoint(self, host: str, port: int, credentials: Credentials) -> Endpoint:
        found = Endpoint(
            self.name, host, port, user=self.admin, password=credentials.admin, database=DATABASE
        )
        return _with_url(found)

    def probe(self, endpoint: Endpoint, *, seconds: float = PROBE_SECONDS) -> None:
        with _open(endpoint, seconds=seconds) as client:
            client[DATABASE].customers.find_one({}, {"_id": 1})

    def warm(self, endpoint: Endpoint) -> None:  # noqa: ARG002 - the import is what takes long
        import pymongo  # noqa: F401

    def version(self, endpoint: Endpoint) -> str:
        with _open(endpoint) as client:
            info = client.server_info()
        # What stands in says so; a real server has no such fields.
        if "ferretdb" in info:
            return f"FerretDB {info['ferretdb']['version'].removeprefix('v')}"
        return str(info.get("implementation") or info["version"])

    @contextmanager
    def connect(self, endpoint: Endpoint) -> Iterator[MongoClient[dict[str, Any]]]:
        """A ``MongoClient``; its default database is the dataset's."""
        with _open(endpoint) as client:
            yield client

    def env(self, endpoint: Endpoint) -> dict[str, str]:
        return {"MONGODB_URI": endpoint.url, "MONGODB_DATABASE": endpoint.database}

    def secure(self, old: Endpoint, new: Endpoint, credentials: Credentials) -> None:
        """Learners are made for each attempt. In our stand-in the administrator's password is configuration,
        and there already; in MongoDB it is data."""
        from pymongo.errors import OperationFailure

        try:
            self.probe(new)
        except OperationFailure:
            with _open(old) as client:
                client.admin.command("updateUser", self.admin, pwd=credentials.admin)

    def load(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        from sandbox.engines.mongodb_load import load

        with _open(endpoint, seconds=120) as client:
            return load(client[DATABASE], dataset, sink)

    def counts(self, endpoint: Endpoint) -> dict[str, int]:
        from sandbox.engines.mongodb_load import counts

        with _open(endpoint, seconds=60) as client:
            return counts(client[DATABASE])

    def reset(self, endpoint: Endpoint, dataset: Dataset, sink: Sink = silent) -> dict[str, int]:
        with _open(endpoint, seconds=60) as client:
            for user in client.admin.command("usersInfo", {"forAllDBs": True}).get("users", ()):
                if (user["user"], user["db"]) != (self.admin, "admin"):
                    client[user["db"]].command("dropUser", user["user"])
            for database in client.list_database_names():
                if database not in (*_SYSTEM, DATABASE):
                    client.drop_database(database)
            for collection in client[DATABASE].list_collection_names():
                # Views are kept in one of them, which empties with them.
                if not collection.startswith("system."):
                    client[DATABASE].drop_collection(collection)
        return self.load(endpoint, dataset, sink)

    def begin(self, endpoint: Endpoint, attempt: Attempt, credentials: Credentials) -> Endpoint:
        """``owns``: ``databases``, which the attempt's user may do everything in. Their users and roles are
        the attempt's as well."""
        user = ATTEMPT_USER + attempt.key
        roles = [{"role": "dbOwner", "db": name} for name in attempt.owns.get("databases", ())]
        with _open(endpoint) as client:
            self._drop(client, attempt)
            client.admin.command(
                "createUser", user, pwd=credentials.learner, roles=[*roles, {"role": "read", "db": DATABASE}]
            )
        return _with_url(replace(endpoint, user=user, password=credentials.learner))

    def clear(self, endpoint: Endpoint, attempt: Attempt) -> None:
        with _open(endpoint) as client:
            self._drop(client, attempt)

    def _drop(self, client: MongoClient[dict[str, Any]], attempt: Attempt) -> None:
        from pymongo.errors import OperationFailure

        user = ATTEMPT_USER + attempt.key
        if client.admin.command("usersInfo", user).get("users"):
            # The user first: its connections can do nothing more from then on.
            client.admin.command("dropUser", user)
        for name in attempt.owns.get("databases", ()):
            # Users and roles outlive their database.
            client[name].command("dropAllUsersFromDatabase")
            try:
                client[name].command("dropAllRolesFromDatabase")
            except OperationFailure as refused:
                # FerretDB: where no roles can be made none are left.
                if refused.code != _NO_SUCH_COMMAND:
                    raise
            client.drop_database(name)

    def client(self, endpoint: Endpoint) -> Client:
        from sandbox.clients.mongosh import MongoshClient

        return MongoshClient(endpoint)

    def program(self, endpoint: Endpoint) -> tuple[list[str], dict[str, str]]:
        # mongosh takes a password from its command line or a prompt only, but its JavaScript sees variables.
        connect = "db = connect(process.env.MONGODB_URI)"
        return ["mongosh", "--quiet", "--nodb", "--shell", "--eval", connect], {"MONGODB_URI": endpoint.url}


def _with_url(endpoint: Endpoint) -> Endpoint:
    login = f"{quote(endpoint.user, safe='')}:{quote(endpoint.password, safe='')}"
    place = f"{endpoint.host}:{endpoint.port}/{endpoint.database}"
    # Else MongoDB acknowledges a write that a kill -9 would lose for the next 100 ms.
    options = "authSource=admin&directConnection=true&journal=true"
    return replace(endpoint, url=f"mongodb://{login}@{place}?{options}")


@contextmanager
def _open(endpoint: Endpoint, seconds: float = 60) -> Iterator[MongoClient[dict[str, Any]]]:
    from pymongo import MongoClient

    client: MongoClient[dict[str, Any]] = MongoClient(
        endpoint.url,
        # A server on a busy machine may stand still for seconds: only a probe gives it up so soon.
        serverSelectionTimeoutMS=int(min(seconds, 30) * 1000),
        connectTimeoutMS=int(min(seconds, 30) * 1000),
        socketTimeoutMS=int(seconds * 1000),
        retryReads=False,
        retryWrites=False,
    )
    with contextlib.closing(client):
        yield client


ENGINE = Mongodb()
