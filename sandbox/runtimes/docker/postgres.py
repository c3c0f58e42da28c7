"""PostgreSQL from the official image."""

from __future__ import annotations

from sandbox.engines.postgres import ENGINE
from sandbox.runtimes.docker.recipe import Container, Context, Recipe
from sandbox.runtimes.native.postgres import DURABLE, FAST, SETTINGS, configuration, following, replica_name

CONF_FILE = "/etc/postgresql/sandbox.conf"
HBA_FILE = "/etc/postgresql/sandbox_hba.conf"
HBA = """\
# type  database     user  address  method
local   all          all            trust
host    all          all   all      scram-sha-256
host    replication  all   all      scram-sha-256
"""
"""Who may come in. Without a password only what the image itself does on its socket."""


class PostgresRecipe(Recipe):
    """PostgreSQL 18 with everything that Debian's packages have."""

    engine = "postgres"
    image = "postgres:18"
    version = "18"
    product = "PostgreSQL 18"
    port = 5432
    memory_mib = 45
    disk_mib = 80
    order = 40
    replicates = True
    copy_mark = "$PGDATA/standby.signal"
    # Its files are not those of this machine.
    lacks = frozenset({"pgvector", "postgis", "plpython", "shared-files"})

    def container(self, context: Context) -> Container:
        settings = {
            **SETTINGS,
            **(DURABLE if context.durable else FAST),
            **context.options,
            "listen_addresses": "*",
            "hba_file": HBA_FILE,
        }
        if context.primary:
            place = f"host={context.primary} port={self.port} user={ENGINE.admin}"
            settings |= following(f"{place} password={context.credentials.admin}", context.number)
        variables = {"SANDBOX_POSTGRES_SLOT": replica_name(context.number)} if context.primary else {}
        # Not on the command line: a replica's settings have a password.
        return Container(
            command=["postgres", "-c", f"config_file={CONF_FILE}"],
            variables=variables,
            files={HBA_FILE: HBA, CONF_FILE: configuration(settings)},
        )


RECIPE = PostgresRecipe()
