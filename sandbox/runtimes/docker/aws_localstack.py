"""LocalStack from the last image of it that needs no account of theirs: the other provider of aws."""

from __future__ import annotations

from sandbox.runtimes.docker.aws import AwsRecipe
from sandbox.runtimes.docker.recipe import Container, Context
from sandbox.runtimes.native.aws import RECIPE as NATIVE


class LocalStackRecipe(AwsRecipe):
    """A process for most services, one of DynamoDB Local and one of kinesis-mock for each account."""

    provider = "localstack"
    image = "localstack/localstack:4.14.0"
    version = "4.14.0"
    product = "LocalStack 4.14"
    memory_mib = 900
    disk_mib = 200
    keeps = False
    lacks = NATIVE.lacks | {
        "bucket-replication",
        # A version of an object is not copied over that object.
        "copies-of-versions",
        # AT_TIMESTAMP begins elsewhere.
        "iterator-timestamps",
        "listing-pages",
        "policies",
        "read-units",
        "request-counts",
        "shard-limits",
        "shard-metrics",
        "signatures",
        "table-backups",
        "table-encryption",
        # update-shard-count leaves shards of different sizes.
        "uniform-resharding",
    }
    no_password = "LocalStack checks no signature: who reaches its port may use all accounts."  # noqa: S105
    approximation = (
        "LocalStack imitates the interfaces of AWS: any secret is taken, policies are not enforced, "
        "nothing is kept over a stop."
    )

    def container(self, context: Context) -> Container:
        return Container(environment=context.options)


RECIPE = LocalStackRecipe()
