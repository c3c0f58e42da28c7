"""Addresses of engines that run already, as a person writes them."""

from __future__ import annotations

import pytest

from sandbox.engines.registry import NAMES
from sandbox.engines.registry import engine as engine_named
from sandbox.errors import UsageError
from sandbox.runtimes.external.addresses import endpoint_of, parse, written
from sandbox.state import Credentials, EngineRecord, Seat

GOOD = {
    "postgres": "postgresql+psycopg2://ada:p%40ss@db.example:6432/team?sslmode=require",
    "mysql": "mysql://ada:p%40ss@db.example:6432/team",
    "cassandra": "cassandra://ada:p%40ss@db.example:6432",
    "mongodb": "mongodb://ada:p%40ss@db.example:6432/?authSource=admin",
    "redis": "redis://ada:p%40ss@db.example:6432/3",
    "gremlin": "ws://ada:p%40ss@db.example:6432/gremlin",
    "aws": "http://ada:p%40ss@db.example:6432?region=eu-west-1",
}


def seat_at(text: str, tmp_path: object) -> Seat:
    address = parse(text)
    record = EngineRecord("external", ports={"main": address.port}, options=written(address, "me"))
    return Seat("mine", address.engine, tmp_path, record, Credentials(address.password, "l"))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_each_engine_has_host_port_user_and_password(name: str) -> None:
    found = parse(f"{name}={GOOD[name]}")
    assert (found.engine, found.host, found.port) == (name, "db.example", 6432)
    assert (found.user, found.password) == ("ada", "p@ss")
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize("name", NAMES)
def test_the_endpoint_goes_there_as_that_user(name: str, tmp_path: object) -> None:
    found = endpoint_of(seat_at(f"{name}={GOOD[name]}", tmp_path))
    assert (found.host, found.port, found.user, found.password) == ("db.example", 6432, "ada", "p@ss")
    assert "127.0.0.1" not in found.url
    usual = engine_named(name).admin
    assert f"//{usual}:" not in found.url
    if name not in ("gremlin", "aws"):
        assert "//ada:p%40ss@db.example:6432" in found.url
    assert found.database == ("3" if name == "redis" else found.database)


def test_a_server_without_users_has_none_in_its_url(tmp_path: object) -> None:
    found = endpoint_of(seat_at("mongodb=mongodb://db.example:27017", tmp_path))
    assert found.url.startswith("mongodb://db.example:27017/sandbox?directConnection=true")
    assert endpoint_of(seat_at("redis=redis://db.example", tmp_path)).url == "redis://db.example:6379/0"


def test_the_address_may_be_in_a_variable_so_that_no_password_is_in_a_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SANDBOX_EXTERNAL_REDIS", "redis://:secret@db.example")
    assert parse("redis").password == "secret"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("postgres", "bad-external"),
        ("postgres=db.example", "bad-external"),
        ("postgres=mysql://db.example", "bad-external"),
        ("postgres=postgresql://db.example:port", "bad-external"),
        ("redis=redis://db.example/one", "bad-external"),
        ("redis=rediss://db.example", "external-tls"),
        ("mongodb=mongodb://db.example/?tls=true", "external-tls"),
        ("mongodb=mongodb+srv://db.example", "external-tls"),
        ("gremlin=wss://db.example", "external-tls"),
        ("nothing=http://db.example", "unknown-engine"),
    ],
)
def test_what_is_no_address_is_wrong_usage(text: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANDBOX_EXTERNAL_POSTGRES", raising=False)
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert refused.value.code == code


@pytest.mark.parametrize("host", ["amazonaws.com", "dynamodb.eu-central-1.amazonaws.com"])
def test_amazons_own_is_known_by_its_name(host: str, tmp_path: object) -> None:
    assert parse(f"aws=https://{host}").is_real_aws
    found = endpoint_of(seat_at(f"aws=https://key:secret@{host}?region=eu-central-1", tmp_path))
    # Its services have many addresses, which the clients know.
    assert found.url == ""
    assert engine_named("aws").env(found)["AWS_REGION"] == "eu-central-1"
    assert "AWS_ENDPOINT_URL" not in engine_named("aws").env(found)


def test_what_only_looks_like_amazon_is_not() -> None:
    assert not parse("aws=http://localhost:4566").is_real_aws
    assert not parse("aws=http://notamazonaws.com").is_real_aws
