"""Engines for unittest."""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING, ClassVar

from sandbox.testing.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.testing.endpoints import LiveEndpoint


class SandboxTestCase(unittest.TestCase):
    """A TestCase whose class has engines, from its first test to its last.

    >>> class TestOrders(SandboxTestCase):      # doctest: +SKIP
    ...     sandbox_engines = ("postgres",)
    ...
    ...     def test_an_order(self):
    ...         with self.sandbox_namespace("postgres").connect() as connection: ...

    Set ``sandbox_session`` in ``setUpModule`` to have the classes of a module share them:
    ``SandboxTestCase.sandbox_session = unittest.enterModuleContext(Session())``."""

    sandbox_engines: ClassVar[Sequence[str]] = ()
    """Engines to start side by side before the first test; others start when a test asks for them."""
    sandbox_session: ClassVar[Session]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        shared = getattr(cls, "sandbox_session", None)
        if shared is None:
            cls.sandbox_session = cls.enterClassContext(Session())
            cls.addClassCleanup(delattr, cls, "sandbox_session")
        cls.sandbox_session.need(cls.sandbox_engines)

    def sandbox_endpoint(self, engine: str) -> LiveEndpoint:
        """The engine itself, which all tests share."""
        return self.sandbox_session.endpoint(engine)

    def sandbox_namespace(self, engine: str, *, loaded: bool = False) -> LiveEndpoint:
        """A place in the engine for this test alone, empty or holding the dataset."""
        return self.enterContext(self.sandbox_session.namespace(engine, loaded=loaded))
