"""What the recipes of PostgreSQL and MariaDB say to run, without running it."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from sandbox.engines.base import Credentials
from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.native.mysql import RECIPE as MYSQL
from sandbox.runtimes.native.postgres import RECIPE as POSTGRES
from sandbox.runtimes.native.recipe import Context, Installed, Recipe

SECRETS = Credentials("the-admins-password", "the-learners-password")


def _context(folder: Path, *, durable: bool = False) -> Context:
    return Context(
        installed=Installed(paths={"root": folder / "install"}),
        data=folder / "data",
        work=folder / "work",
        ports={"main": 5544},
        credentials=SECRETS,
        durable=durable,
    )


@pytest.mark.parametrize("recipe", [POSTGRES, MYSQL])
def test_no_password_is_in_arguments_variables_or_configuration(recipe: Recipe, tmp_path: Path) -> None:
    spec = recipe.service(_context(tmp_path))
    told = [*spec.argv, *spec.env.values(), *spec.files.values()]
    assert not [text for text in told if SECRETS.admin in text or SECRETS.learner in text]


@pytest.mark.parametrize("recipe", [POSTGRES, MYSQL])
def test_it_is_told_the_port_and_the_loopback_address(recipe: Recipe, tmp_path: Path) -> None:
    conf = "\n".join(recipe.service(_context(tmp_path)).files.values())
    assert "5544" in conf
    assert "127.0.0.1" in conf


def test_durable_means_forced_to_disk(tmp_path: Path) -> None:
    def conf(recipe: Recipe, *, durable: bool) -> str:
        return "\n".join(recipe.service(_context(tmp_path, durable=durable)).files.values())

    assert "fsync = 'off'" in conf(POSTGRES, durable=False)
    assert "fsync = 'on'" in conf(POSTGRES, durable=True)
    assert "innodb-flush-log-at-trx-commit = 2" in conf(MYSQL, durable=False)
    assert "innodb-flush-log-at-trx-commit = 1" in conf(MYSQL, durable=True)
    assert "nosync" not in conf(MYSQL, durable=True)


def test_mariadb_reports_to_nobody(tmp_path: Path) -> None:
    assert "feedback = OFF" in "\n".join(MYSQL.service(_context(tmp_path)).files.values())


def test_a_missing_library_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def absent(name: str) -> None:
        if name == "libcrypt.so.1":
            raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", absent)
    with pytest.raises(EnvironmentRefusedError) as caught:
        MYSQL.initialise(_context(tmp_path))
    assert caught.value.code == "library-missing"
    assert "libcrypt.so.1" in caught.value.title
    assert caught.value.actions[0] == "apt-get install libcrypt1"
