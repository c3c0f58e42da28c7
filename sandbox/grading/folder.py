"""The folder that an answer has for itself."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import tempfile
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sandbox.grading.keeping import folders

PREFIX = "sandbox-answer-"
SUBMISSION = "sandbox-submission-"
"""What the folder of a student's answer begins with, from which a batch grades it."""
LEFT_AFTER = 600.0
"""Seconds after which a folder that no process holds is taken for left behind: only a moment lies between
its making and its lock, and no answer runs that long."""


@dataclass
class Folder:
    """The answer's own folder: ``home``, ``tmp`` and ``work`` (its working folder). Removed when it ended,
    unless it is kept for another run."""

    root: Path
    home: Path = field(init=False)
    tmp: Path = field(init=False)
    work: Path = field(init=False)

    def __post_init__(self) -> None:
        self.home, self.tmp, self.work = (self.root / name for name in ("home", "tmp", "work"))

    @classmethod
    def make(cls) -> Folder:
        """A new one in the system's temporary folder."""
        base = Path(tempfile.gettempdir())
        # Root's own temporary folder may be closed to the user as whom the answer runs.
        if os.geteuid() == 0 and closed_to_others([base / "x"]):
            base = Path("/var/tmp")  # noqa: S108 - mkdtemp makes a new, private folder in it
        sweep(base)
        found = cls(Path(tempfile.mkdtemp(prefix=PREFIX, dir=base)))
        weakref.finalize(found, os.close, hold(found.root))
        for path in (found.home, found.tmp, found.work):
            path.mkdir(mode=0o700)
        return found

    def give_to(self, uid: int) -> None:
        """Make another user the owner of all that is in it. The folder itself stays ours, so that an answer
        cannot put something else in the place of its three folders."""
        self.root.chmod(0o711)
        for entry in _entries(self.root):
            found = entry.stat(follow_symlinks=False)
            # An earlier answer in a kept folder may have linked a file of ours into it.
            if entry.is_file(follow_symlinks=False) and found.st_nlink > 1 and found.st_uid == os.geteuid():
                continue
            os.chown(entry.path, uid, uid, follow_symlinks=False)

    def take_back(self) -> None:
        """After a run in a kept folder: closed to every other user, and readable for us."""
        for path in (self.home, self.tmp, self.work):
            if path.is_symlink() or not path.is_dir():
                path.unlink(missing_ok=True)
                path.mkdir(mode=0o700)
        if os.geteuid() == 0:
            self.root.chmod(0o700)
        else:
            subprocess.run(["chmod", "-R", "u+rwX", str(self.root)], check=False, capture_output=True)

    def environment(self) -> dict[str, str]:
        """The variables of a minimal environment that name folders."""
        home = str(self.home)
        return {"HOME": home, "TMPDIR": str(self.tmp), "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All that is below a folder, links not followed; nothing deeper than a path can be long."""
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.ENOENT):
                raise


def hold(root: Path) -> int:
    """A descriptor: as long as this process lives and has it open, nobody sweeps the folder away."""
    fd = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return fd


@contextmanager
def submission() -> Iterator[Path]:
    """A folder for one student's answer, which its grading reads from there."""
    with tempfile.TemporaryDirectory(prefix=SUBMISSION) as made:
        fd = hold(Path(made))
        try:
            yield Path(made)
        finally:
            os.close(fd)


@cache
def sweep(base: Path) -> None:
    """Remove what a grader that was killed has left in a temporary folder; once for each process."""
    for root in [*base.glob(f"{PREFIX}*"), *base.glob(f"{SUBMISSION}*")]:
        with suppress(OSError):
            found = root.lstat()
            if found.st_uid != os.geteuid() or time.time() - found.st_mtime < LEFT_AFTER:
                continue
            fd = os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(Folder(root))
            finally:
                os.close(fd)


def remove(folder: Folder) -> None:
    """Remove an answer's folder, whatever the answer made of it. Nothing happens when it is not there."""
    # The keeper removes a folder that is not kept; then this is for when it could not start, or was killed.
    if folder.root.exists():
        folders.remove(str(folder.root))


def clear_away(*paths: Path) -> None:
    """Remove what has these names in an answer's folder, links themselves and not what they lead to."""
    for path in paths:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.exists():
            subprocess.run(["rm", "-rf", "--", str(path)], check=True, capture_output=True)


def closed_to_others(paths: Sequence[Path]) -> set[str]:
    """The folders above some paths that other users may not enter."""
    parents = {folder for path in paths for folder in path.parents}
    return {str(folder) for folder in parents if not folder.stat().st_mode & stat.S_IXOTH}
