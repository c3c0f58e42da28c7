"""Accounts of AWS: all that one has, in whatever service, is its own, but for the names of buckets."""

from __future__ import annotations

import secrets

from sandbox.endpoint import Endpoint
from sandbox.engines.aws import Aws
from sandbox.namespaces.base import Namespaces


class AwsNamespaces(Namespaces):
    """An account comes to be by being used. Its id begins with 0, those of attempts at exercises do not."""

    elsewhere = False
    drops_behind = True

    engine: Aws

    def _claim(self) -> str:
        account = f"0{1 + secrets.randbelow(10**11 - 1):011d}"
        self._claims.add(account)
        return account

    def _make(self, name: str, loaded: bool) -> None:
        if not loaded or self.engine.copy_account(self.admin, name, self.dataset):
            return
        with self._claims.locked():
            # One process brings it in, and the server copies it for the others.
            if not self.engine.copy_account(self.admin, name, self.dataset):
                self.engine.load_account(self.admin, name, self.dataset)

    def _has(self, name: str, loaded: bool) -> bool:
        return not loaded or self.engine.has_account(self.admin, name, self.dataset)

    def _drop(self, name: str) -> None:
        self.engine.forget_account(self.admin, name)

    def _at(self, name: str) -> Endpoint:
        return self.engine.in_account(self.admin, name)

    def _name_of(self, endpoint: Endpoint) -> str:
        return endpoint.user

    def _disconnect(self) -> None:
        """Nothing: connections last for one request."""


NAMESPACES = AwsNamespaces
