"""Images: which are there, and pulling those that are not, with progress."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sandbox.errors import EnvironmentRefusedError
from sandbox.events import Progress, Sink
from sandbox.runtimes.docker.client import client, refusals
from sandbox.runtimes.docker.compose import image_missing
from sandbox.runtimes.docker.recipe import Recipe
from sandbox.state import Seat

if TYPE_CHECKING:
    from docker.models.images import Image

GUESS = 300 << 20
"""Bytes of an image of which nothing is known yet."""


def _image(found: Recipe) -> Image | None:
    from docker.errors import ImageNotFound

    with refusals("images cannot be looked at"):
        try:
            return client().images.get(found.chosen_image)
        except ImageNotFound:
            return None


def there(found: Recipe) -> bool:
    """Whether the engine has the image."""
    return _image(found) is not None


def entrypoint(found: Recipe) -> tuple[str, ...]:
    """What the image that containers are made of starts them with: another than the official one may have
    its own."""
    image = _image(found)
    return found.entrypoint if image is None else tuple(image.attrs["Config"].get("Entrypoint") or ())


def pull(recipes: Sequence[Recipe], sink: Sink, *, offline: bool, cancelled: threading.Event) -> None:
    """Pull what is not there, side by side; EnvironmentRefusedError with what cannot be had."""
    lacking = [found for found in recipes if not there(found)]
    if not lacking:
        return
    if offline:
        raise image_missing([(found.kind, found.chosen_image) for found in lacking])
    with ThreadPoolExecutor(max_workers=3, thread_name_prefix="pull") as pool:
        done = list(pool.map(lambda found: _pull(found, sink, cancelled), lacking))
    failed = [(found, problem) for found, problem in zip(lacking, done, strict=True) if problem]
    if failed:
        detail = "\n".join(f"{found.chosen_image}: {problem}" for found, problem in failed)
        raise image_missing([(found.kind, found.chosen_image) for found, _ in failed], detail)


def _pull(found: Recipe, sink: Sink, cancelled: threading.Event) -> str:
    """Pull one image; why it could not be, or nothing."""
    layers: dict[str, tuple[int, int]] = {}
    repository, _, tag = found.chosen_image.rpartition(":")
    try:
        with refusals(f"{found.chosen_image} cannot be pulled"):
            for line in client().api.pull(repository, tag=tag, stream=True, decode=True):
                if cancelled.is_set():
                    return "interrupted"
                if "error" in line:
                    return str(line["error"])
                detail = line.get("progressDetail") or {}
                if "id" in line and detail.get("total"):
                    layers[line["id"]] = (detail.get("current", 0), detail["total"])
                    now, whole = (sum(part) for part in zip(*layers.values(), strict=True))
                    sink(Progress(found.engine, "pull", now, whole, "bytes"))
    except EnvironmentRefusedError as error:
        return error.title
    return ""


def remember(seat: Seat, found: Recipe, *, fresh: bool) -> None:
    """Keep on record that another image than the official one was named. EnvironmentRefusedError when data of
    one would be opened by the official image only because nobody named any: it may be of another version,
    and change them for good."""
    was, variable = seat.record.image, found.image_variable
    if was and not fresh and not os.environ.get(variable):
        raise EnvironmentRefusedError(
            f"{seat.name} has data of the image {was}; without {variable} it would be {found.image}.",
            code="docker-other-image",
            detail="Data of one version may not be read by another, or be changed for good by it.",
            actions=[
                f"export {variable}={was}   # go on with that one",
                f"export {variable}={found.image}   # have the other one open them",
                f"sandbox down {seat.engine} --delete   # deletes what it has",
            ],
        )
    seat.record.image = found.chosen_image if found.chosen_image != found.image else ""
