"""An engine ended and started anew inside of its container, which a restore asks for.

The Docker engine needs some tenths of a second to end a container, and as many to start one. So a shell
stands between the container's init and the engine: it starts the engine, passes signals on and ends as the
engine ends. Only when it was told to hold does it wait, the engine gone, until it may start it again; in the
meantime the files on the volumes are exchanged. In the seat's work folder ``held`` says of which container
that is true: there it runs, and its engine does not.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.errors import EnvironmentRefusedError
from sandbox.runtimes.docker import images
from sandbox.runtimes.docker.client import MADE_LABEL, refusals
from sandbox.runtimes.docker.recipe import Container as Wish
from sandbox.runtimes.docker.recipe import Recipe
from sandbox.state import Seat, write_atomic

if TYPE_CHECKING:
    from docker.models.containers import Container

_HELD, _WAITS, _SHELL = (f"/tmp/.sandbox-{name}" for name in ("held", "waits", "shell"))  # noqa: S108 - its own
_PLACE = "/etc/sandbox/start.sh"
_START = f"""\
# Starts what its words say, and starts it again when it ended while {_HELD} was there.
pass_on() {{
  told=1
  kill -s "$1" "$engine"
}} 2>/dev/null
trap 'pass_on TERM' TERM
trap 'pass_on INT' INT
trap 'pass_on QUIT' QUIT
echo $$ >{_SHELL}
while :; do
  if [ -n "$engine" ] && [ -n "$again" ]; then
    # The image's entrypoint has made the data, and has nothing more to do.
    program=$2
    shift 2
    set -- "$program" "$again" "$@"
    again=
  fi
  "$@" &
  engine=$!
  # A signal that came before there was anybody to pass it on to.
  [ -z "$told" ] || kill -s TERM "$engine"
  # A signal ends the waiting as well, and the engine may take its time.
  while
    wait "$engine"
    code=$?
    kill -0 "$engine" 2>/dev/null
  do :; done
  [ -e {_HELD} ] || exit "$code"
  : >{_WAITS}
  while [ -e {_HELD} ]; do
    [ -z "$told" ] || exit "$code"
    sleep 0.02
  done
done
"""

# Out of /proc is a process when the kernel has let go of all that it had, its ports too.
_HOLD = f"""\
rm -f {_WAITS}
touch {_HELD}
shell=$(cat {_SHELL}) || exit 1
others() {{
  found=1
  for each in /proc/[0-9]*; do
    pid=${{each#/proc/}}
    case $pid in 1 | "$shell" | $$) continue ;; esac
    {{ read -r line <"$each/stat"; }} 2>/dev/null || continue
    set -- ${{line##*) }}
    case $2:$line in "$shell:"*"(sleep)"*) continue ;; esac
    kill -9 "$pid" 2>/dev/null
    found=0
  done
  return $found
}}
tries=0
while others || [ ! -e {_WAITS} ]; do
  tries=$((tries + 1))
  [ $tries -lt 6000 ] || exit 1
  sleep 0.01
done
"""


def restartable(wish: Wish, found: Recipe) -> Wish:
    """What a container shall have so that its engine can be started anew in it."""
    entrypoint = tuple(wish.entrypoint or images.entrypoint(found))
    again = found.again if entrypoint == found.entrypoint else ""
    return replace(wish, entrypoint=["sh", _PLACE, *entrypoint], files={**wish.files, _PLACE: script(again)})


def script(again: str = "") -> str:
    """What starts the engine; ``again`` is :attr:`Recipe.again`."""
    return f"again={again}\n{_START}"


def can(container: Container) -> bool:
    """Whether a container was made so."""
    return _PLACE in (container.attrs["Config"].get("Entrypoint") or ())


def hold(seat: Seat, container: Container) -> bool:
    """Kill the engine in a container that runs on without it; False when that cannot be done."""
    write_atomic(_note(seat), str(container.id))
    with refusals(f"{seat.name} cannot be stopped"):
        return not run(container, _HOLD)


def held(seat: Seat) -> bool:
    """Whether a seat's container was left waiting, its engine gone."""
    return _note(seat).exists()


def waiting(seat: Seat, container: Container, made: str) -> bool:
    """Whether that is this one, it still runs, and it is made of what a new one would be made of."""
    if container.status != "running" or container.labels.get(MADE_LABEL) != made:
        return False
    return bool(_note(seat).read_text(encoding="utf-8") == container.id)


def go_on(seat: Seat, container: Container) -> None:
    """Have a container that waits start its engine."""
    with refusals(f"{seat.name} cannot be started"):
        said = run(container, f"rm -f {_HELD}")
    forget(seat)
    if said:
        raise EnvironmentRefusedError(
            f"{seat.name} cannot be started in its container: {said}",
            code="docker-error",
            actions=[f"sandbox up {seat.engine}", f"sandbox logs {seat.name}"],
        )


def forget(seat: Seat) -> None:
    """No container waits any more."""
    _note(seat).unlink(missing_ok=True)


def run(container: Container, script: str, *args: str) -> str:
    """Run a script as root in a running container; empty when it succeeded, else what it said."""
    ended = container.exec_run(["sh", "-c", script, "sandbox", *args], user="0")
    if ended.exit_code == 0:
        return ""
    said: str = ended.output.decode(errors="replace").strip()
    return said or f"exit code {ended.exit_code}"


def begin(container: Container, script: str, *args: str) -> None:
    """Begin to run a script as root in a running container."""
    container.exec_run(["sh", "-c", script, "sandbox", *args], user="0", detach=True)


def _note(seat: Seat) -> Path:
    return seat.work / "held"
