"""Clients of the person's own that take no address from the environment, pointed at the sandbox by ``exec``.

psql, the AWS CLI and the clients of MariaDB read all they need from variables. redis-cli and valkey-cli read
the password only, cqlsh host and port only. For those of them that are installed there is a script of the
same name, before them on PATH, which adds what the variables say; options that are given win.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.events import Sink, silent

_NEXT = """\
#!/bin/sh
# {name} itself, the next one on PATH.
here=$(dirname "$0")
IFS=:
for folder in $PATH; do
  if [ "$folder" != "$here" ] && [ -x "$folder/{name}" ] && [ ! "$folder" -ef "$here" ]; then
    unset IFS
    {act}
  fi
done
echo "{name} is not on PATH any more." >&2
exit 127
"""
_REDIS = (
    'exec "$folder/{name}" ${{REDIS_HOST:+-h "$REDIS_HOST"}} ${{REDIS_PORT:+-p "$REDIS_PORT"}} '
    '${{REDIS_USER:+--user "$REDIS_USER"}} ${{REDIS_DB:+-n "$REDIS_DB"}} "$@"'
)
# cqlsh wants a file of its owner only. One in memory never touches the disk, and ends with cqlsh.
_CQLSH = """\
[ -n "$CASSANDRA_USER" ] || exec "$folder/{name}" "$@"
    exec "{python}" -I -S -c '
import os, sys
login = os.memfd_create("credentials", 0)
os.fchmod(login, 0o600)
# Of the two, cqlsh has the user interpolated only.
user, password = os.environ["CASSANDRA_USER"].replace("%", "%%"), os.environ.get("CASSANDRA_PASSWORD", "")
os.write(login, f"[plain_text_auth]\\nusername = {{user}}\\npassword = {{password}}\\n".encode())
os.execv(sys.argv[1], [sys.argv[1], f"--credentials=/proc/self/fd/{{login}}", *sys.argv[2:]])
' "$folder/{name}" "$@"\
"""
_ACTS = {"redis-cli": _REDIS, "valkey-cli": _REDIS, "cqlsh": _CQLSH}


def pointed(cache: Path, path: str, sink: Sink = silent) -> list[Path]:
    """Folders to put before ``path``, one for each of these clients that is on it."""
    from sandbox.runtimes.native.installs import publish

    found = []
    for name, act in _ACTS.items():
        if shutil.which(name, path=path) is None:
            continue
        text = _NEXT.format(name=name, act=act.format(name=name, python=sys.executable))

        def build(staging: Path, name: str = name, text: str = text) -> None:
            script = staging / name
            script.write_text(text, encoding="utf-8")
            script.chmod(0o755)

        key = hashlib.sha256(text.encode()).hexdigest()[:12]
        # In a cache of somebody else's there is no room for it: then the client is called as it is.
        with suppress(SandboxError):
            found.append(publish(cache, f"{name}-name-{key}", build, subject=name, sink=sink))
    return found
