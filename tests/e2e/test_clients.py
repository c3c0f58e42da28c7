"""Unmodified clients under ``sandbox exec``: they are told nothing, and find the engines.

Those that no other test needs are installed into an environment of their own, from the package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.base import Engine
from sandbox.sandbox import Sandbox
from tests.e2e.conftest import Run, Said

EngineUp = Callable[[str], tuple[Engine, Endpoint]]
Exec = Callable[..., Said]

DJANGO = {
    "manage.py": """
        import os, sys
        import pymysql
        from django.core.management import execute_from_command_line

        pymysql.install_as_MySQLdb()
        os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
        execute_from_command_line(sys.argv)
        """,
    "settings.py": """
        import os

        SECRET_KEY = "a"
        INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "shop"]
        USE_TZ = True
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
        POSTGRES = {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ.get("PGHOST"),
            "PORT": os.environ.get("PGPORT"),
            "USER": os.environ.get("PGUSER"),
            "PASSWORD": os.environ.get("PGPASSWORD"),
            "NAME": os.environ.get("PGDATABASE"),
        }
        MYSQL = {
            "ENGINE": "django.db.backends.mysql",
            "HOST": os.environ.get("MYSQL_HOST"),
            "PORT": int(os.environ.get("MYSQL_TCP_PORT", "0")),
            "USER": os.environ.get("MYSQL_USER"),
            "PASSWORD": os.environ.get("MYSQL_PWD"),
            "NAME": os.environ.get("MYSQL_DATABASE"),
        }
        DATABASES = {"default": {"postgres": POSTGRES, "mysql": MYSQL}[os.environ["ON"]]}
        CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": os.environ["REDIS_URL"],
            }
        }
        """,
    "shop/__init__.py": "",
    "shop/models.py": """
        from django.db import models


        class Product(models.Model):
            name = models.CharField(max_length=40, unique=True)
            price = models.DecimalField(max_digits=8, decimal_places=2)


        class Line(models.Model):
            product = models.ForeignKey(Product, on_delete=models.CASCADE)
            quantity = models.PositiveIntegerField()
            note = models.JSONField(default=dict)
        """,
    "shop/tests.py": """
        from decimal import Decimal
        from django.core.cache import cache
        from django.db import IntegrityError, connection, transaction
        from django.db.models import F, Sum
        from django.test import TestCase
        from shop.models import Line, Product


        class Shop(TestCase):
            def setUp(self):
                self.pen = Product.objects.create(name="pen", price=Decimal("1.20"))

            def test_sums_are_made_by_the_database(self):
                Line.objects.create(product=self.pen, quantity=3, note={"gift": True})
                Line.objects.create(product=self.pen, quantity=2)
                total = Line.objects.aggregate(sum=Sum(F("quantity") * F("product__price")))["sum"]
                self.assertEqual(total, Decimal("6.00"))
                self.assertEqual(Line.objects.filter(note__gift=True).count(), 1)

            def test_a_unique_name_is_kept_unique_and_a_savepoint_rolls_back(self):
                with self.assertRaises(IntegrityError), transaction.atomic():
                    Product.objects.create(name="pen", price=1)
                self.assertEqual(Product.objects.count(), 1)

            def test_the_cache_is_redis(self):
                cache.set("pen", self.pen.pk, 60)
                self.assertEqual(cache.get("pen"), self.pen.pk)
                self.assertGreater(cache.ttl("pen") if hasattr(cache, "ttl") else 60, 0)
                cache.delete("pen")

            def test_it_is_the_database_that_was_asked_for(self):
                import os

                self.assertEqual(connection.vendor, {"postgres": "postgresql"}.get(os.environ["ON"], "mysql"))
        """,
}

FLASK = """
    import os
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    db = SQLAlchemy(app)

    class Visit(db.Model):
        __tablename__ = "flask_visits"
        id = db.Column(db.Integer, primary_key=True)
        path = db.Column(db.String(80), nullable=False)

    @app.get("/<path>")
    def visit(path):
        db.session.add(Visit(path=path))
        db.session.commit()
        return {"visits": db.session.query(Visit).count()}

    with app.app_context():
        db.create_all()
        try:
            client = app.test_client()
            print([client.get(p).json["visits"] for p in ("/a", "/b")])
        finally:
            db.session.remove()
            db.drop_all()
"""


@pytest.fixture(scope="session")
def clients() -> Iterator[Path]:
    """``bin`` of an environment with the packages of ``clients.txt``, which also sees those of our own."""
    with tempfile.TemporaryDirectory(prefix="sandbox-test-clients-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        python = folder / "bin" / "python"
        wanted = ["--no-deps", "--only-binary", ":all:", "-r", str(Path(__file__).with_name("clients.txt"))]
        pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-q", *wanted], check=True)
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "zz-ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
        yield folder / "bin"


@pytest.fixture
def execute(run: Run, sandbox: Sandbox, engine_up: EngineUp) -> Exec:
    """``execute("psql", "-c", ..., on=["postgres"])``: run it by ``exec``, with those engines up."""

    def go(*argv: str, on: list[str], path: Path | None = None, **variables: str) -> Said:
        for name in on:
            engine_up(name)
        if path is not None:
            variables["PATH"] = os.pathsep.join([str(path), os.environ["PATH"]])
        # As a person would have it who also uses the real thing.
        variables = {"AWS_PROFILE": "", "PGSERVICE": "", **variables}
        environment = {k: v for k, v in variables.items() if v}
        return run("exec", "--name", sandbox.name, "--", *argv, env=environment)

    return go


def python(text: str, interpreter: str = sys.executable) -> list[str]:
    return [interpreter, "-c", textwrap.dedent(text)]


def test_psql(execute: Exec) -> None:
    said = execute("psql", "-Atc", "select count(*) from orders", on=["postgres"])
    assert said.out.strip() == "5087", said.err


def test_a_psql_of_the_machine(execute: Exec) -> None:
    own = Path("/usr/bin/psql")
    if not own.exists():
        pytest.skip("no psql of its own on this machine")
    assert execute(str(own), "-Atc", "select count(*) from orders", on=["postgres"]).out.strip() == "5087"


@pytest.mark.parametrize("program", ["mysql", "mariadb"])
def test_mysql(execute: Exec, program: str) -> None:
    said = execute(program, "-N", "-e", "select count(*) from sandbox.orders", on=["mysql"])
    assert said.out.strip() == "5087", said.err


def test_the_aws_command_line(execute: Exec) -> None:
    count = ("--select", "COUNT", "--query", "Count", "--output", "text")
    said = execute("aws", "dynamodb", "scan", "--table-name", "employees", *count, on=["aws"])
    assert said.out.strip() == "17", said.err
    listed = execute("aws", "s3", "ls", "s3://sandbox-course-data/rawData/", on=["aws"])
    assert "customers/" in listed.out, listed.err
    told = execute("aws", "sts", "get-caller-identity", "--query", "Account", "--output", "text", on=["aws"])
    assert told.out.strip() == "000000000000", told.err


def test_boto3_with_no_argument(execute: Exec) -> None:
    script = """
        import boto3

        print(len(boto3.client("kinesis").list_shards(StreamName="orders_stream")["Shards"]))
        print(boto3.resource("dynamodb").Table("employees").scan()["Count"])
        print(boto3.client("s3").list_buckets()["Buckets"][0]["Name"])
    """
    said = execute(*python(script), on=["aws"])
    assert said.out.split() == ["2", "17", "sandbox-course-data"], said.err


def test_boto3_beside_a_profile_for_the_real_aws(execute: Exec, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = real\naws_secret_access_key = real\naws_session_token = real\n"
    )
    (tmp_path / "config").write_text("[default]\nregion = eu-central-1\n")
    files = {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SESSION_TOKEN": "one-for-the-real-aws",
    }
    script = "import boto3; print(boto3.client('dynamodb').list_tables()['TableNames'])"
    assert "employees" in execute(*python(script), on=["aws"], **files).out


def test_pymongo_with_the_uri(execute: Exec) -> None:
    script = """
        import os, pymongo

        with pymongo.MongoClient(os.environ["MONGODB_URI"]) as client:
            print(client[os.environ["MONGODB_DATABASE"]].customers.count_documents({}))
    """
    said = execute(*python(script), on=["mongodb"])
    assert said.out.strip() == "635", said.err


@pytest.mark.parametrize("variable", ["DATABASE_URL", "SANDBOX_POSTGRES_URL", "SANDBOX_MYSQL_SQLALCHEMY_URL"])
def test_sqlalchemy_by_url(execute: Exec, variable: str) -> None:
    script = f"""
        import os, sqlalchemy

        engine = sqlalchemy.create_engine(os.environ["{variable}"])
        with engine.connect() as connection:
            print(connection.exec_driver_sql("select count(*) from customers").scalar())
    """
    said = execute(*python(script), on=["mysql" if "MYSQL" in variable else "postgres"])
    assert said.out.strip() == "635", said.err


def test_redis_by_url(execute: Exec) -> None:
    script = "import os, redis; print(redis.from_url(os.environ['REDIS_URL']).scard('customers'))"
    assert execute(*python(script), on=["redis"]).out.strip() == "635"


def test_redis_cli(execute: Exec, clients: Path) -> None:
    if not (clients / "redis-cli").exists():
        pytest.skip("the package index has no redis-cli for this Python")
    said = execute("redis-cli", "SCARD", "customers", on=["redis"], path=clients)
    assert said.out.strip() == "635", said.err
    # What a person says wins.
    elsewhere = execute("redis-cli", "-p", "1", "PING", on=["redis"], path=clients)
    assert "Connection refused" in elsewhere.out + elsewhere.err


PATIENT = ("--connect-timeout=120", "--request-timeout=120")
"""For cqlsh, which gives a server on a busy machine up after five and ten seconds."""


def test_cqlsh(execute: Exec, clients: Path) -> None:
    query = "select fullname from sandbox.customers where customerid = 293"
    said = execute("cqlsh", *PATIENT, "-e", query, on=["cassandra"], path=clients)
    assert "Catherine Abel" in said.out, said.err
    assert "password" not in said.err.lower()


def test_the_password_of_cqlsh_is_in_no_argument(
    execute: Exec, clients: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    # It runs until its input ends, which is when its arguments have been seen.
    script = """
        mkfifo "$0"
        cqlsh "$@" <"$0" &
        exec 3>"$0"
        for _ in $(seq 600); do
          seen=$(tr '\\0' ' ' </proc/$!/cmdline)
          case $seen in *--credentials=*) break ;; esac
          sleep 0.1
        done
        echo "$seen"
        exec 3>&-
        wait
    """
    said = execute("sh", "-c", script, str(tmp_path / "input"), *PATIENT, on=["cassandra"], path=clients)
    assert "--credentials=" in said.out, said.err
    assert sandbox.endpoint("cassandra").password not in said.out


@pytest.mark.parametrize("on", ["postgres", "mysql"])
def test_django_migrates_and_its_tests_pass(execute: Exec, clients: Path, tmp_path: Path, on: str) -> None:
    for name, text in DJANGO.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def manage(*argv: str) -> Said:
        script = str(tmp_path / "manage.py")
        return execute(
            "python", script, *argv, on=[on, "redis"], path=clients, ON=on, PYTHONPATH=str(tmp_path)
        )

    try:
        for argv in (("makemigrations", "shop"), ("migrate",)):
            said = manage(*argv)
            assert said.code == 0, said.out + said.err
        tested = manage("test", "--noinput", "shop")
        assert tested.code == 0, tested.out + tested.err
        assert "Ran 4 tests" in tested.err
    finally:
        for app in ("shop", "auth", "contenttypes"):
            manage("migrate", app, "zero")


def test_flask_sqlalchemy(execute: Exec, clients: Path) -> None:
    said = execute(*python(FLASK, "python"), on=["postgres"], path=clients)
    assert said.out.strip() == "[1, 2]", said.err
