"""Replicas of MySQL and MariaDB, by the binary log and global transaction ids, which differ in the two.

MySQL's words are those of 8.4 and later.
"""

from __future__ import annotations

from typing import Any

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Replication
from sandbox.engines.mysql import server_cursor
from sandbox.engines.mysql_kinds import is_mariadb


def seen(replica: Endpoint, primary: Endpoint | None) -> Replication:
    """See :meth:`sandbox.engines.base.Engine.replication`."""
    written = None
    if primary:
        # The primary first: what it writes in between makes no replica look better than it is.
        with server_cursor(primary) as cursor:
            cursor.execute(
                "select @@gtid_binlog_pos" if is_mariadb(cursor) else "select @@global.gtid_executed"
            )
            (written,) = cursor.fetchone()
    with server_cursor(replica) as cursor:
        told = _status(cursor)
        if is_mariadb(cursor):
            cursor.execute("select @@gtid_slave_pos = %s", [written])
        else:
            cursor.execute("select gtid_subset(%s, @@global.gtid_executed)", [written])
        (has_all,) = cursor.fetchone()
    if not told:
        return Replication(following=False, promoted=True)
    following = told["IO_Running"] == told["SQL_Running"] == "Yes"
    problem = "" if following else told["Last_SQL_Error"] or told["Last_IO_Error"] or "it was stopped"
    lag = told["Seconds_Behind"]
    if following and written is not None:
        # The server says 0 also while it has not yet read what there is.
        lag = 0.0 if has_all else max(float(lag or 0), 0.001)
    return Replication(following, lag_seconds=lag, problem=problem)


def welcome(primary: Endpoint) -> None:
    """Have MySQL let its replicas clone it. MariaDB's begin with a copy of its folder."""
    with server_cursor(primary) as cursor:
        if is_mariadb(cursor):
            return
        cursor.execute("select 1 from information_schema.plugins where plugin_name = 'clone'")
        if not cursor.fetchone():
            cursor.execute("install plugin clone soname 'mysql_clone.so'")


def follow(replica: Endpoint, primary: Endpoint, *, first: bool) -> None:
    """See :meth:`sandbox.engines.base.Engine.follow`."""
    with server_cursor(replica) as cursor:
        told, mariadb = _status(cursor), is_mariadb(cursor)
        if not told and not first:
            return
        if told and (told["Host"], told["Port"]) == (primary.host, primary.port):
            return
        if mariadb and not told:
            # The folder is a copy of the primary's, so what that wrote is what this one has read.
            cursor.execute("set global gtid_slave_pos = @@gtid_binlog_pos")
        cursor.execute("stop replica")
        cursor.execute(
            _MARIADB if mariadb else _MYSQL, [primary.host, primary.port, primary.user, primary.password]
        )
        cursor.execute("start replica")


_MARIADB = (
    "change master to master_host = %s, master_port = %s, master_user = %s, master_password = %s,"
    " master_use_gtid = slave_pos, master_connect_retry = 1, master_ssl = 0"
)
# With TLS: caching_sha2_password does not say a password in the clear.
_MYSQL = (
    "change replication source to source_host = %s, source_port = %s, source_user = %s, source_password = %s,"
    " source_auto_position = 1, source_connect_retry = 1, source_ssl = 1"
)


def _status(cursor: Any) -> dict[str, Any]:
    """The fields of SHOW REPLICA STATUS by what they have in common in both; none on a server that follows
    nobody."""
    cursor.execute("show replica status")
    row = cursor.fetchone()
    if not row:
        return {}
    by_name = dict(zip((column[0] for column in cursor.description), row, strict=True))
    master, replica = ("Master", "Slave") if is_mariadb(cursor) else ("Source", "Replica")
    return {
        "Host": by_name[f"{master}_Host"],
        "Port": by_name[f"{master}_Port"],
        "IO_Running": by_name[f"{replica}_IO_Running"],
        "SQL_Running": by_name[f"{replica}_SQL_Running"],
        "Seconds_Behind": by_name[f"Seconds_Behind_{master}"],
        "Last_IO_Error": by_name["Last_IO_Error"],
        "Last_SQL_Error": by_name["Last_SQL_Error"],
    }
