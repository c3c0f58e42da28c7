"""Folders and settings that come from the machine and the environment.

=======================  ==========================================================================
``SANDBOX_HOME``         state of all sandboxes (default: the user's data folder; for root the site's)
``SANDBOX_CACHE``        artifacts, installed engines, golden data folders (default: the cache folder)
``SANDBOX_MAVEN_URL``    base address of the Maven repository to fetch jars from
``SANDBOX_NAME``         name of the sandbox to use when ``--name`` is not given
``SANDBOX_RUNTIME``      what runs new engines when ``--runtime`` is not given
=======================  ==========================================================================
"""

from __future__ import annotations

import os
from pathlib import Path

APP = "sandbox"


def is_root() -> bool:
    """Whether this process runs as the superuser."""
    return os.geteuid() == 0


def home() -> Path:
    """The folder that holds the state of every sandbox, one folder each."""
    import platformdirs

    given = os.environ.get("SANDBOX_HOME")
    if given:
        return Path(given).expanduser().absolute()
    # PostgreSQL refuses root, so it runs as another user, who cannot reach anything under /root.
    if is_root():
        return Path("/var/lib") / APP
    return Path(platformdirs.user_data_dir(APP, appauthor=False))


def cache() -> Path:
    """The folder shared by all sandboxes: artifacts, installed engines, golden data folders."""
    import platformdirs

    given = os.environ.get("SANDBOX_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    if is_root():
        return Path("/var/cache") / APP
    return Path(platformdirs.user_cache_dir(APP, appauthor=False))


def resources(name: str) -> Path:
    """A folder that ships with the product (``fixtures``, ``exercises``), from a wheel or from a checkout."""
    package = Path(__file__).resolve().parent
    shipped = package / "_resources" / name
    return shipped if shipped.is_dir() else package.parent / name
