"""``nodetool``: Cassandra's own commands, run inside the server over the CQL connection.

The program of that name speaks JMX, which would be one more port and password, and a JVM for each call. Here
the words go to the server in the custom payload of a query, and the same commands run there with the rights
of the role that is logged in (``sandbox/runtimes/native/java/cassandra/NodeTools.java``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sandbox.endpoint import Endpoint

PAYLOAD = "nodetool"

FORGET = "forget-snapshots"
"""The key under which the administrator sends names of keyspaces, separated by NUL: their snapshots go,
without the detour over the words of a command."""

_USAGE = """\
usage: nodetool [-h host] [-p port] [-u user] [-pw password] <command> [<args>]

Cassandra's own nodetool commands, over the CQL port and as a CQL role; by default those of the environment
(CASSANDRA_HOST, CASSANDRA_PORT, CASSANDRA_USER, CASSANDRA_PASSWORD).

  status  version  clientstats  tpstats  gcstats  proxyhistograms  compactionstats  compactionhistory
  tablestats [keyspace[.table]]          tablehistograms keyspace table
  getendpoints keyspace table key        getsstables keyspace table key
  flush keyspace [table ...]             compact keyspace [table ...]
  snapshot [-t name] [-cf table] keyspace [...]
  listsnapshots                          clearsnapshot (-t name | --all) [--] keyspace [...]
  import [--copy-data] keyspace table directory
  refresh keyspace table

What changes a keyspace needs MODIFY on it. Nothing here stops or reconfigures the server."""

_CONNECTION = {
    "-h": "host",
    "--host": "host",
    "-p": "port",
    "--port": "port",
    "-u": "user",
    "--username": "user",
    "-pw": "password",
    "--password": "password",
}


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code: 0 done, 1 wrong usage, 2 it failed."""

    out: str
    err: str
    code: int


def run(endpoint: Endpoint, words: Sequence[str]) -> Answer:
    """Run one command as the endpoint's role. Raises the driver's own errors when it cannot connect."""
    from sandbox.engines.cassandra_driver import Wire

    with Wire(endpoint, seconds=60) as wire:
        found = wire.payload("SELECT key FROM system.local", {PAYLOAD: "\0".join(words).encode()})
    if f"{PAYLOAD}.code" not in found:
        return Answer("", "nodetool: this server does not take its commands over CQL.\n", 2)
    out, err = (found[f"{PAYLOAD}.{name}"].decode(errors="replace") for name in ("out", "err"))
    return Answer(out, err, int(found[f"{PAYLOAD}.code"]))


def main(argv: Sequence[str] | None = None) -> int:
    """The program ``nodetool``; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    given: dict[str, str] = {}
    while len(words) > 1 and words[0] in _CONNECTION:
        given[_CONNECTION[words[0]]] = words[1]
        del words[:2]
    if not words or words[0] in ("help", "--help"):
        sys.stdout.write(_USAGE + "\n")
        return 0
    from sandbox.engines.cassandra import ENGINE

    endpoint = ENGINE.from_env(os.environ)
    if endpoint is None:
        sys.stderr.write("nodetool: no Cassandra in the environment (sandbox exec -- nodetool ...).\n")
        return 1
    endpoint = replace(
        endpoint,
        host=given.get("host", endpoint.host),
        port=int(given["port"]) if given.get("port", "").isdigit() else endpoint.port,
        user=given.get("user", endpoint.user),
        password=given.get("password", endpoint.password),
    )
    try:
        answer = run(endpoint, words)
    except Exception as problem:  # noqa: BLE001 - a person gets the driver's words, not its traceback
        sys.stderr.write(f"nodetool: {problem}\n")
        return 2
    sys.stdout.write(answer.out)
    sys.stderr.write(answer.err)
    return answer.code


if __name__ == "__main__":
    sys.exit(main())
