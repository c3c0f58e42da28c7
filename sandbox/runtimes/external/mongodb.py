"""MongoDB on somebody's server. The place is the database ``sandbox``; a collection in it is the mark."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from typing import TYPE_CHECKING

from sandbox.engines.base import Attempt, Credentials
from sandbox.engines.mongodb import ATTEMPT_USER, DATABASE, Mongodb
from sandbox.runtimes.external.guard import LEARNER, Guard, Mark, claimed

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint

COLLECTION = "sandbox_owner"


class ExternalMongodb(Guard, Mongodb):
    """Needs a user who may write to the database ``sandbox``. Answers run as users of their own when it may
    make such."""

    kinds = ("databases",)

    def mark(self, endpoint: Endpoint) -> Mark | None:
        with self.connect(endpoint) as client:
            collections = client[DATABASE].list_collection_names()
            if not collections:
                return None
            found = client[DATABASE][COLLECTION].find_one({"_id": 1}) if COLLECTION in collections else None
        return Mark.read(found["mark"] if found else None)

    def write(self, endpoint: Endpoint, mark: Mark) -> None:
        with self.connect(endpoint) as client:
            client[DATABASE][COLLECTION].replace_one({"_id": 1}, {"mark": mark.text()}, upsert=True)

    def there(self, endpoint: Endpoint, kind: str, patterns: Collection[str]) -> list[str]:  # noqa: ARG002
        with self.connect(endpoint) as client:
            names = client.list_database_names()
        return [n for n in names if any(fnmatch.fnmatchcase(n, p) for p in patterns)]

    def remove(self, endpoint: Endpoint, mark: Mark) -> None:
        self._drop_databases(endpoint, claimed(mark, "databases"))
        with self.connect(endpoint) as client:
            if LEARNER in mark.claims:
                for user in client.admin.command("usersInfo", {"forAllDBs": True})["users"]:
                    if user["db"] == "admin" and user["user"].startswith(ATTEMPT_USER):
                        client.admin.command("dropUser", user["user"])
            client.drop_database(DATABASE)

    def empty(self, endpoint: Endpoint) -> None:
        with self.connect(endpoint) as client:
            for name in client[DATABASE].list_collection_names():
                if name != COLLECTION:
                    client[DATABASE].drop_collection(name)

    def make_learner(self, endpoint: Endpoint, credentials: Credentials) -> bool:
        from pymongo.errors import OperationFailure

        trial = f"{ATTEMPT_USER}trial"
        try:
            with self.connect(endpoint) as client:
                client.admin.command(
                    "createUser", trial, pwd=credentials.learner, roles=[{"role": "read", "db": DATABASE}]
                )
                client.admin.command("dropUser", trial)
        except OperationFailure:
            return False
        return True

    def begin_as_given(self, endpoint: Endpoint, attempt: Attempt) -> None:
        self._drop_databases(endpoint, attempt.owns.get("databases", ()))

    def _drop_databases(self, endpoint: Endpoint, patterns: Collection[str]) -> None:
        names = self.there(endpoint, "databases", patterns)
        with self.connect(endpoint) as client:
            for name in names:
                if name != DATABASE:
                    client.drop_database(name)


GUARD = ExternalMongodb
