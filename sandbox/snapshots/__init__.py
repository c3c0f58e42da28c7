"""Snapshots: stopped-clock copies of the data of a sandbox's engines, saved under a name and brought back.

All engines of one snapshot stand still at the same moment, while their data are copied; none is restarted.

::

    <home>/<sandbox>/snapshots/<name>/manifest.json    what it holds
    <home>/<sandbox>/snapshots/<name>/passwords.json   those its data have (0600)
    <home>/<sandbox>/snapshots/<name>/<engine>/        the data, as the runtime keeps them
    <home>/<sandbox>/restore.json                      a restore that was begun and must be finished (0600)

How data are copied is the runtime's affair (:mod:`sandbox.runtimes.snapshots`), what must be written before
they are copied the engine's (:meth:`sandbox.engines.base.Engine.flush`).
"""

from __future__ import annotations

from sandbox.snapshots.manifest import SavedEngine, Snapshot
from sandbox.snapshots.restoring import finish, restore
from sandbox.snapshots.saving import delete, listed, save

__all__ = ["SavedEngine", "Snapshot", "delete", "finish", "listed", "restore", "save"]
