"""Databases of MongoDB. The dataset's documents are encoded once in a process, and sent as they are. The
server of ``runtimes/native/java/mongodb`` remembers them, and makes the next copies itself."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

from sandbox.engines.mongodb_load import create_indexes, documents
from sandbox.namespaces.base import Namespaces


class MongodbNamespaces(Namespaces):
    """One client makes and drops them."""

    links = ("_client", "_stack")

    _client: Any = None
    _stack: ExitStack | None = None
    _documents: tuple[str, dict[str, list[Any]]] | None = None
    """Hash of the dataset; encoded documents by collection."""

    def _make(self, name: str, loaded: bool) -> None:
        database = self._connected()[name]
        if not loaded:
            # It comes to be by being used.
            return
        if not self._filled(database):
            for collection, encoded in self._encoded().items():
                if encoded:
                    database[collection].insert_many(encoded)
                else:
                    database.create_collection(collection)
            self._keep(database)
        create_indexes(database)

    def _filled(self, database: Any) -> bool:
        """Whether the server gave the dataset to a database."""
        from pymongo.errors import OperationFailure

        if self.external:
            return False
        try:
            return bool(database.command("sandboxFill", self.dataset.hash)["filled"])
        except OperationFailure:
            return False

    def _keep(self, database: Any) -> None:
        """Have the server remember what a database holds as the dataset."""
        from pymongo.errors import OperationFailure

        if not self.external:
            with suppress(OperationFailure):
                database.command("sandboxKeep", self.dataset.hash, collections=list(self._encoded()))

    def _encoded(self) -> dict[str, list[Any]]:
        import bson
        from bson.raw_bson import RawBSONDocument

        dataset = self.dataset
        if self._documents is None or self._documents[0] != dataset.hash:
            found = {
                collection: [RawBSONDocument(bson.encode(each)) for each in made]
                for collection, made in documents(dataset).items()
            }
            self._documents = (dataset.hash, found)
        return self._documents[1]

    def _has(self, name: str, loaded: bool) -> bool:
        return not loaded or set(self._encoded()) <= set(self._connected()[name].list_collection_names())

    def _drop(self, name: str) -> None:
        from pymongo.errors import OperationFailure

        client = self._connected()
        for command in ("dropAllUsersFromDatabase", "dropAllRolesFromDatabase"):
            # They would outlive their database. Not every server has both.
            with suppress(OperationFailure):
                client[name].command(command)
        client.drop_database(name)

    def _connected(self) -> Any:
        if self._client is None:
            self._stack = ExitStack()
            self._client = self._stack.enter_context(self.engine.connect(self.admin))
        return self._client

    def _disconnect(self) -> None:
        stack, self._stack, self._client = self._stack, None, None
        if stack is not None:
            stack.close()


NAMESPACES = MongodbNamespaces
