"""The program ``aws`` of answers in shell: hands its call to the process that runs it (:mod:`.commands`).

``python -I -S shim.py REAL ARGUMENT...``. It imports next to nothing, for most of its time is its start: not
even ``os``, which is a quarter of that.
"""
# ruff: noqa: BLE001, PTH123

import _socket
import posix
import sys

FD = 100
told = -1
try:
    server = _socket.socket(fileno=posix.dup(FD))
    asked, ask = posix.pipe()
    told, tell = posix.pipe()
    streams = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (0, 1, 2, asked, tell))
    server.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    posix.close(asked)
    posix.close(tell)
    encoding = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    words = [posix.getcwdb(), b"%d" % len(sys.argv[2:]), *(word.encode(*encoding) for word in sys.argv[2:])]
    words += [key + b"=" + value for key, value in posix.environ.items()]
    with open(ask, "wb") as file:
        file.write(b"\0".join(words))
except Exception:
    reply = b""
else:
    reply = posix.read(told, 16)
    while reply in (b"", b"+"):
        more = posix.read(told, 16)
        if not more:
            break
        reply += more
if not reply:
    # Nobody was there to run it.
    posix.execv(sys.argv[1], sys.argv[1:])
# Without a number after the "+" the command was ended on its way.
posix._exit(int(reply[1:] or 137))
