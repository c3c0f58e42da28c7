"""The AWS services that engines stand in for, and how the managed ones differ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """One AWS service. ``name`` is its folder in ``exercises/``."""

    name: str
    title: str
    engine: str
    stand_in: str
    difference: str


def all_services() -> list[Service]:
    """The core services, in the order of the course."""
    from sandbox.runtimes.registry import facts

    return [
        Service(name, title, engine, facts(engine).product, difference)
        for name, title, engine, difference in _SERVICES
    ]


def engine_of(service: str) -> str:
    """The engine that stands in for a service."""
    return next(engine for name, _, engine, _ in _SERVICES if name == service)


_SERVICES = (
    (
        "rds-postgresql",
        "Amazon RDS for PostgreSQL",
        "postgres",
        "instances, backups, patches and failover to a standby are made for you; no superuser",
    ),
    (
        "aurora-mysql",
        "Amazon Aurora MySQL, RDS for MySQL",
        "mysql",
        "storage is shared by writer and readers, in six copies; compatible with MySQL, not MariaDB",
    ),
    (
        "aurora-postgresql",
        "Amazon Aurora PostgreSQL",
        "postgres",
        "storage is shared by writer and readers, in six copies; failover without loss",
    ),
    (
        "keyspaces",
        "Amazon Keyspaces",
        "cassandra",
        "no nodes, three replicas always, LOCAL_QUORUM writes; no materialized views, UDF, nodetool",
    ),
    (
        "documentdb",
        "Amazon DocumentDB",
        "mongodb",
        "an implementation of the MongoDB interface by AWS; TLS and users always; storage apart",
    ),
    (
        "elasticache",
        "Amazon ElastiCache",
        "redis",
        "nodes, replicas and failover are managed; CONFIG and other commands are refused",
    ),
    (
        "memorydb",
        "Amazon MemoryDB",
        "redis",
        "writes are kept in a transaction log over several zones; always a cluster with TLS and ACL",
    ),
    (
        "neptune",
        "Amazon Neptune",
        "gremlin",
        "graph ids are strings, data are durable, no Groovy lambdas; IAM instead of passwords",
    ),
    (
        "dynamodb",
        "Amazon DynamoDB",
        "aws",
        "capacity is billed and throttled; replicated over three zones; IAM decides who may",
    ),
    (
        "kinesis",
        "Amazon Kinesis Data Streams",
        "aws",
        "shards are billed and limited to 1 MiB/s in and 2 MiB/s out; IAM decides who may",
    ),
    (
        "s3",
        "Amazon S3",
        "aws",
        "eleven nines of durability, storage classes and requests are billed; IAM decides who may",
    ),
)
