"""Folders in which an engine makes and drops a folder for each database.

ext4 puts the files of all such folders beside each other. Without a journal, as in many small virtual
machines, it looks for a number for a new file among those of all the files that were deleted there in the
last minutes, one by one: after 30 dropped databases of PostgreSQL (300 files each) one more takes ten times
as long to make, nearly all of it in this search. A folder can ask that those made in it lie far apart, as the
home folders of many people do.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

# From <linux/fs.h> and chattr(1), attribute T: the same on all Linux with a generic ioctl numbering.
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_TOP_DIRECTORY = 0x00020000


def spread(folder: Path) -> None:
    """Have folders that will be made in this one lie far apart; without effect on file systems that have no
    such attribute."""
    if sys.platform != "linux":
        return
    import fcntl

    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            flags = int.from_bytes(fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8))[:4], sys.byteorder)
            wanted = flags | _TOP_DIRECTORY
            if flags != wanted:
                fcntl.ioctl(descriptor, _SET_FLAGS, wanted.to_bytes(8, sys.byteorder))
        finally:
            os.close(descriptor)
