"""Addresses of engines that run already, as a person writes them, and the endpoints that follow."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlsplit

from sandbox.engines.registry import engine as engine_named
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint
    from sandbox.state import Seat

VARIABLE = "SANDBOX_EXTERNAL_"
"""``SANDBOX_EXTERNAL_POSTGRES`` is the address of ``--external postgres``: no password in a command line."""

SCHEMES: Mapping[str, tuple[str, ...]] = {
    "postgres": ("postgresql", "postgres"),
    "mysql": ("mysql", "mariadb"),
    "cassandra": ("cassandra", "cql"),
    "mongodb": ("mongodb",),
    "redis": ("redis", "valkey"),
    "gremlin": ("ws",),
    "aws": ("http", "https"),
}
WITH_TLS = ("rediss", "valkeys", "wss", "mongodb+srv")
REAL_AWS = "amazonaws.com"
_TLS_WORDS = ("sslmode", "ssl", "tls", "ssl-mode")
_NO_TLS = ("disable", "allow", "prefer", "false", "disabled", "preferred", "0", "")


@dataclass(frozen=True)
class Address:
    """Where an engine answers and as whom; ``database`` and ``region`` are empty when none was said.
    ``scheme`` is the URL's, without the driver that SQLAlchemy puts there."""

    engine: str
    scheme: str
    host: str
    port: int
    user: str
    password: str
    database: str = ""
    region: str = ""

    @property
    def is_real_aws(self) -> bool:
        """Whether it is Amazon's own, where things cost money."""
        return self.engine == "aws" and (self.host == REAL_AWS or self.host.endswith(f".{REAL_AWS}"))

    def __repr__(self) -> str:
        return f"Address({self.engine} at {self.host}:{self.port})"


def parse_all(given: Sequence[str]) -> dict[str, Address]:
    """The addresses of ``--external`` options by engine."""
    found = [parse(text) for text in given]
    return {address.engine: address for address in found}


def parse(text: str) -> Address:
    """``ENGINE=URL``, or ``ENGINE`` alone when the URL is in a variable; UsageError when it is no address."""
    name, _, url = text.partition("=")
    engine = engine_named(name.strip())
    url = url or os.environ.get(f"{VARIABLE}{engine.name.upper()}", "")
    if not url:
        raise _bad(engine.name, f"The variable {VARIABLE}{engine.name.upper()} has no address either.")
    try:
        parts = urlsplit(url)
        port = parts.port or engine.default_port
        scheme = parts.scheme.partition("+")[0]
        words = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    except ValueError as problem:
        raise _bad(engine.name, str(problem)) from problem
    if parts.scheme in WITH_TLS or any(words.get(w, "").lower() not in _NO_TLS for w in _tls(engine.name)):
        raise _needs_tls(engine.name)
    if scheme not in SCHEMES[engine.name] or not parts.hostname:
        raise _bad(engine.name, f"It begins with {' or '.join(f'{s}://' for s in SCHEMES[engine.name])}.")
    if engine.name == "aws" and parts.port is None:
        port = 443 if scheme == "https" else 80
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if engine.name == "aws" and not user:
        # LocalStack takes any; the key is the account.
        user, password = engine.admin, "test"
    host, region = parts.hostname, words.get("region", "")
    if engine.name == "aws" and (host == REAL_AWS or host.endswith(f".{REAL_AWS}")):
        region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        host, scheme, port = f"dynamodb.{region}.{REAL_AWS}", "https", 443
        if not parts.username:
            user = os.environ.get("AWS_ACCESS_KEY_ID", "")
            password = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    database = unquote(parts.path.strip("/")) if engine.name in ("postgres", "redis", "mysql") else ""
    if engine.name == "redis" and database and not database.isdigit():
        raise _bad("redis", "What follows the port is the number of a database.")
    return Address(engine.name, scheme, host, port, user, password, database, region)


def _tls(engine: str) -> tuple[str, ...]:
    # libpq speaks TLS by itself wherever the server does.
    return () if engine == "postgres" else _TLS_WORDS


def _bad(engine: str, detail: str) -> UsageError:
    example = f"{SCHEMES[engine][0]}://user:password@host:{engine_named(engine).default_port}"
    return UsageError(
        f"--external {engine} has no usable address.",
        code="bad-external",
        detail=detail,
        actions=[f"sandbox up --external {engine}={example}"],
    )


def _needs_tls(engine: str) -> UsageError:
    return UsageError(
        f"The address of {engine} asks for TLS, which is spoken to external PostgreSQL and AWS only.",
        code="external-tls",
        actions=["a tunnel that ends TLS on this machine (stunnel, ssh -L, a cloud's own proxy)"],
    )


def written(address: Address, owner: str) -> dict[str, str]:
    """What a record keeps of an address: all but the password."""
    return {
        "host": address.host,
        "scheme": address.scheme,
        "user": address.user,
        "database": address.database,
        "region": address.region,
        "owner": owner,
    }


def endpoint_of(seat: Seat) -> Endpoint:
    """The endpoint of an external engine's seat, as whom its address says."""
    engine, options = engine_named(seat.engine), seat.record.options
    host, port, user = options["host"], seat.record.ports["main"], options["user"]
    usual = engine.endpoint(host, port, seat.credentials)
    login = f"{quote(user, safe='')}:{quote(usual.password, safe='')}@" if user or usual.password else ""
    place = f"{host}:{port}"

    def told(url: str) -> str:
        before, at, after = url.partition(f"@{place}")
        if not at:
            return url
        return f"{before.partition('://')[0]}://{login}{place}{after}"

    url = told(usual.url)
    if seat.engine == "aws":
        url = "" if host.endswith(REAL_AWS) else f"{options['scheme']}://{place}"
    found = replace(usual, user=user, url=url, options={k: told(v) for k, v in usual.options.items()})
    if seat.engine == "mongodb" and not login:
        found = replace(found, url=url.replace("authSource=admin&", ""))
    if seat.engine == "redis" and options["database"]:
        found = replace(
            found, database=options["database"], url=f"{url.rpartition('/')[0]}/{options['database']}"
        )
    if options["region"]:
        found = replace(found, options={**found.options, "region": options["region"]})
    return found
