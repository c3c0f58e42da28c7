"""A small program that has a paused container go on when the command that paused it was killed::

    python -m sandbox.runtimes.docker.guard <container>

It ends when its input does. A command that lives says ``done`` first, and has seen to the container itself.
"""

from __future__ import annotations

import sys


def main() -> None:
    if sys.stdin.read().strip() == "done":
        return
    from docker.errors import APIError

    from sandbox.runtimes.docker.client import client

    try:
        client().containers.get(sys.argv[1]).unpause()
    except APIError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
