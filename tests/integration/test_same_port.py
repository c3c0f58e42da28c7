"""Two sandboxes that start an engine on one port at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.engines.postgres import ENGINE, PostgresEngine
from sandbox.runtimes import ports
from sandbox.sandbox import Sandbox


def test_an_engine_of_another_sandbox_is_not_taken_for_ones_own_before_it_has_its_own_passwords(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, engine_up: Callable[[str], tuple[Engine, Endpoint]]
) -> None:
    """Until then both have those of the golden copy."""
    engine_up("postgres")  # there is a golden copy from then on
    answered, go_on = threading.Event(), threading.Event()
    secured: list[int] = []
    secure = PostgresEngine.secure

    def secure_later(engine: PostgresEngine, *given: Any) -> None:
        secured.append(threading.get_ident())
        assert len(secured) == 1
        answered.set()
        assert go_on.wait(300)
        secure(engine, *given)

    monkeypatch.setattr(PostgresEngine, "secure", secure_later)
    quicker = Sandbox(name="quicker")
    quicker.prefers_default_ports = False
    thread = threading.Thread(target=quicker.up, args=(["postgres"],))
    thread.start()
    try:
        assert answered.wait(300)
        port = Sandbox(name="quicker").seat("postgres").record.ports["main"]
        with monkeypatch.context() as patch:
            # As it was when the other one chose it.
            patch.setattr(ports, "free", lambda _port: True)
            slower = Sandbox(name="slower").up(["postgres"], asked_ports={"postgres": port})
        assert slower.failed["postgres"].code == "port-lost"
        assert len(secured) == 1
    finally:
        go_on.set()
        thread.join()
    ENGINE.probe(Sandbox(name="quicker").endpoint("postgres"))
