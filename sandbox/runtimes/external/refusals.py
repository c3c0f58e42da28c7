"""Why a server that is not ours refuses, in our words: unreachable, wrong password, no rights, TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandbox.errors import EnvironmentRefusedError, SandboxError

if TYPE_CHECKING:
    from sandbox.endpoint import Endpoint
    from sandbox.engines.base import Engine

# The first that fits. The words are those of the drivers and of the servers, in lower case.
_REASONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "external-tls",
        "wants TLS",
        (
            "no encryption",
            "insecure transport",
            "require_secure_transport",
            "requires ssl",
            "ssl required",
            "https is required",
            "wrong version number",
        ),
    ),
    (
        "external-login",
        "refuses user or password",
        (
            "password authentication failed",
            "access denied for user",
            "authentication failed",
            "authenticationfailed",
            "wrongpass",
            "invalid username",
            "noauth",
            "authentication required",
            "requires authentication",
            "bad credentials",
            "incorrect credentials",
            "provided username",
            "username and/or password",
            "no password supplied",
            "could not authenticate",
            'role "',
            "401",
            "invalidclienttokenid",
            "unrecognizedclient",
            "invalidaccesskeyid",
            "signaturedoesnotmatch",
        ),
    ),
    (
        "external-rights",
        "gives the user too few rights",
        (
            "permission denied",
            "must be superuser",
            "must be owner",
            "access denied",
            "accessdenied",
            "command denied",
            "denied to user",
            "not authorized",
            "unauthorized",
            "noperm",
            "no permissions",
            "has no create",
        ),
    ),
    (
        "external-unreachable",
        "cannot be reached",
        (
            "refused",
            "timed out",
            "timeout",
            "could not translate",
            "getaddrinfo",
            "name or service not known",
            "temporary failure",
            "no route",
            "unreachable",
            "could not connect",
            "unable to connect",
            "connection closed",
            "closed the connection",
            "reset by peer",
            "no servers",
        ),
    ),
)
_TRY = {
    "external-tls": ["a tunnel that ends TLS on this machine (stunnel, ssh -L, a cloud's own proxy)"],
    "external-login": ["sandbox up --external ENGINE=URL   # with the right user and password"],
    "external-rights": ["a user who may create databases (keyspaces, tables) on that server"],
    "external-unreachable": ["look whether it runs, and at host and port in its address"],
}


@contextmanager
def explained(engine: Engine, endpoint: Endpoint) -> Iterator[None]:
    """Turn a driver's error into one that says why the server refuses, when that can be told."""
    try:
        yield
    except SandboxError:
        raise
    except Exception as problem:
        told = explain(engine, endpoint, problem)
        if told is None:
            raise
        raise told from problem


def explain(engine: Engine, endpoint: Endpoint, problem: BaseException) -> SandboxError | None:
    """The error for people; None when it is of another kind."""
    text = f"{type(problem).__name__}: {problem}"
    for code, why, words in _REASONS:
        if any(word in text.lower() for word in words) or (
            code == "external-unreachable" and isinstance(problem, (ConnectionError, TimeoutError))
        ):
            return EnvironmentRefusedError(
                f"{engine.title} at {endpoint.host}:{endpoint.port} {why}.",
                code=code,
                detail=text[:600],
                actions=_TRY[code],
            )
    return None
