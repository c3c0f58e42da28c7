"""The server that MiniStack's answers come from: what clients do with HTTP beyond a call and its answer."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.endpoint import Endpoint
from sandbox.engines.aws import Aws
from sandbox.engines.base import Attempt, Credentials
from sandbox.runtimes.native.aws import RECIPE
from sandbox.sandbox import Sandbox

Up = Callable[[str], tuple[Aws, Endpoint]]
ATTEMPT = Attempt("s3/01-create-insert-query", "http", 1)
BUCKET = "http-271828182845"
HEALTH = b"GET /_ministack/health HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n"


@pytest.fixture
def aws(engine_up: Up) -> tuple[Aws, Endpoint]:
    return engine_up("aws")


@pytest.fixture
def s3(engine_up: Up, aws: tuple[Aws, Endpoint]) -> Iterator[Any]:
    engine, admin = aws
    with engine.connect(engine.begin(admin, ATTEMPT, Credentials("", ""))) as session:
        client = session.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client
    # A test may have started it anew, on another port if its own was taken meanwhile.
    engine.clear(engine_up("aws")[1], ATTEMPT)


@contextlib.contextmanager
def connected(endpoint: Endpoint) -> Iterator[socket.socket]:
    with socket.create_connection((endpoint.host, endpoint.port), 120) as found:
        yield found


def read_answer(file: Any) -> tuple[int, dict[str, str], bytes]:
    status = int(file.readline().split()[1])
    headers = {}
    for line in iter(file.readline, b"\r\n"):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    if "chunked" not in headers.get("transfer-encoding", ""):
        return status, headers, file.read(int(headers.get("content-length", 0)))
    body = b""
    while size := int(file.readline(), 16):
        body += file.read(size)
        file.readline()
    file.readline()
    return status, headers, body


def test_one_connection_takes_requests_that_come_all_at_once_in_their_order(
    aws: tuple[Aws, Endpoint],
) -> None:
    with connected(aws[1]) as client, client.makefile("rb") as file:
        ask = HEALTH % aws[1].password.encode()
        client.sendall(ask + b"GET /no-sign HTTP/1.1\r\nHost: a\r\n\r\n" + ask)
        answers = [read_answer(file) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 403, 200]
    assert "services" in json.loads(answers[0][2])


def test_a_request_that_comes_byte_by_byte_is_answered(aws: tuple[Aws, Endpoint]) -> None:
    with connected(aws[1]) as client, client.makefile("rb") as file:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in HEALTH % aws[1].password.encode():
            client.sendall(bytes([byte]))
        assert read_answer(file)[0] == 200


def test_what_is_not_http_is_refused_and_the_server_goes_on(aws: tuple[Aws, Endpoint]) -> None:
    with connected(aws[1]) as client, client.makefile("rb") as file:
        client.sendall(b"what is this?\r\n\r\n")
        assert read_answer(file)[0] == 400
        assert file.read() == b""
    with connected(aws[1]) as client, client.makefile("rb") as file:
        client.sendall(HEALTH % aws[1].password.encode())
        assert read_answer(file)[0] == 200


def test_headers_without_end_are_refused(aws: tuple[Aws, Endpoint]) -> None:
    with connected(aws[1]) as client, client.makefile("rb") as file:
        # Few enough to come in one piece: who refuses before all is there may end the connection under us.
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + 20_000 * b"x")
        assert read_answer(file)[0] == 431


def test_a_body_is_asked_for_where_the_client_waits_to_be_asked(aws: tuple[Aws, Endpoint], s3: Any) -> None:
    address = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "asked"})
    path = address.removeprefix(aws[1].url)
    with connected(aws[1]) as client, client.makefile("rb") as file:
        head = f"PUT {path} HTTP/1.1\r\nHost: {aws[1].host}:{aws[1].port}\r\nContent-Length: 5\r\n"
        client.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert file.readline().split()[1] == b"100"
        assert file.readline() == b"\r\n"
        client.sendall(b"hello")
        assert read_answer(file)[0] == 200
    assert s3.get_object(Bucket=BUCKET, Key="asked")["Body"].read() == b"hello"


def test_a_body_without_a_length_comes_in_chunks(aws: tuple[Aws, Endpoint], s3: Any) -> None:
    address = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "chunks"})
    path = address.removeprefix(aws[1].url)
    with connected(aws[1]) as client, client.makefile("rb") as file:
        head = f"PUT {path} HTTP/1.1\r\nHost: {aws[1].host}:{aws[1].port}\r\n"
        client.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for part in (b"3\r\none\r\n", b"4\r\n two\r\n", b"0\r\n\r\n"):
            client.sendall(part)
        assert read_answer(file)[0] == 200
    assert s3.get_object(Bucket=BUCKET, Key="chunks")["Body"].read() == b"one two"


def test_large_bodies_arrive_whole_both_ways(s3: Any) -> None:
    body = os.urandom(20_000_000)
    s3.put_object(Bucket=BUCKET, Key="large", Body=body)
    assert s3.get_object(Bucket=BUCKET, Key="large")["Body"].read() == body


def test_a_head_tells_the_length_and_gives_no_body(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="head", Body=b"0123456789")
    assert s3.head_object(Bucket=BUCKET, Key="head")["ContentLength"] == 10
    # On the same connection: nothing of a body is in the way.
    assert s3.get_object(Bucket=BUCKET, Key="head")["Body"].read() == b"0123456789"


def test_an_upload_that_is_broken_off_leaves_nothing(aws: tuple[Aws, Endpoint], s3: Any) -> None:
    address = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "half"})
    path = address.removeprefix(aws[1].url)
    with connected(aws[1]) as client:
        head = f"PUT {path} HTTP/1.1\r\nHost: {aws[1].host}:{aws[1].port}\r\nContent-Length: 50\r\n\r\n"
        client.sendall(head.encode() + b"half of it")
    time.sleep(0.2)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="half")


def test_what_was_stored_is_there_after_an_end_beside_open_connections(
    sandbox: Sandbox, aws: tuple[Aws, Endpoint], s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, admin = aws
    monkeypatch.setattr(RECIPE, "stop_seconds", 240.0)
    s3.put_object(Bucket=BUCKET, Key="kept", Body=b"kept")
    with connected(admin) as idle, connected(admin) as half:
        half.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        began = time.monotonic()
        sandbox.down(["aws"])
        assert time.monotonic() - began < 120, "it waited for its clients, and had to be killed"
        assert idle.recv(1) == b""
    assert not sandbox.up(["aws"]).failed
    with engine.connect(engine.attempt_endpoint(sandbox.endpoint("aws"), ATTEMPT)) as session:
        found = session.client("s3").get_object(Bucket=BUCKET, Key="kept")
        assert found["Body"].read() == b"kept"
