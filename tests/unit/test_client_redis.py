"""How a line becomes words and a reply becomes text, as redis-cli has it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from sandbox.clients.redis import InvalidArgumentsError, words
from sandbox.clients.resp import Reply, Wire, plain, quoted, shown


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("SET a 1", [b"SET", b"a", b"1"]),
        ("  SET\ta   1  ", [b"SET", b"a", b"1"]),
        ('SET name "John Doe"', [b"SET", b"name", b"John Doe"]),
        ("SET name 'John Doe'", [b"SET", b"name", b"John Doe"]),
        ('SET a ""', [b"SET", b"a", b""]),
        ("SET a ''", [b"SET", b"a", b""]),
        (r'SET a "\x00\xfF"', [b"SET", b"a", b"\x00\xff"]),
        (r'SET a "a\nb\tc\r\b\a"', [b"SET", b"a", b"a\nb\tc\r\b\a"]),
        (r'SET a "say \"hi\" \\ \q"', [b"SET", b"a", b'say "hi" \\ q']),
        (r'SET a "\xZZ"', [b"SET", b"a", b"xZZ"]),
        (r"SET a 'it\'s \n'", [b"SET", b"a", b"it's \\n"]),
        ("SET a #no-comment", [b"SET", b"a", b"#no-comment"]),
        ("SET é ü", [b"SET", "é".encode(), "ü".encode()]),
        # A quote within a word begins a string that belongs to it.
        ('SET ab"c d"', [b"SET", b"abc d"]),
        ("", []),
    ],
)
def test_a_line_becomes_the_words_that_redis_cli_sends(line: str, expected: list[bytes]) -> None:
    assert words(line) == expected


@pytest.mark.parametrize("line", ['SET a "open', "SET a 'open", 'SET a "b"c', 'SET a "b""c"', 'SET a "\\'])
def test_quotes_that_do_not_close_well_are_invalid_arguments(line: str) -> None:
    with pytest.raises(InvalidArgumentsError):
        words(line)


def _string(text: str) -> Reply:
    return Reply("string", text.encode())


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Reply("status", b"OK"), "OK"),
        (Reply("nil"), "(nil)"),
        (Reply("integer", -7), "(integer) -7"),
        (Reply("double", 37497.4457), "(double) 37497.4457"),
        (Reply("double", 3.0), "(double) 3"),
        (Reply("bool", True), "(true)"),
        (Reply("error", b"ERR no"), "(error) ERR no"),
        (Reply("array", []), "(empty array)"),
        (Reply("set", []), "(empty set)"),
        (Reply("map", []), "(empty hash)"),
        (_string("Étienne"), '"\\xc3\\x89tienne"'),
        (Reply("array", [_string("a"), Reply("nil")]), '1) "a"\n2) (nil)'),
        (
            Reply("array", [Reply("array", [_string("a"), _string("b")]), Reply("integer", 2)]),
            '1) 1) "a"\n   2) "b"\n2) (integer) 2',
        ),
        (Reply("map", [_string("k"), Reply("array", [_string("a")])]), '1# "k" => 1) "a"'),
    ],
)
def test_a_reply_is_shown_as_redis_cli_shows_it(reply: Reply, text: str) -> None:
    assert shown(reply) == text


def test_the_numbers_of_a_long_list_stand_under_each_other() -> None:
    lines = shown(Reply("array", [Reply("integer", n) for n in range(10)])).splitlines()
    assert lines[0] == " 1) (integer) 0"
    assert lines[9] == "10) (integer) 9"


def test_what_is_not_printable_is_quoted() -> None:
    assert quoted(b'a"b\\c\n\x00\x7f') == '"a\\"b\\\\c\\n\\x00\\x7f"'


def test_a_plain_value_is_text_where_it_is_text_and_bytes_where_not() -> None:
    reply = Reply(
        "array",
        [Reply("string", b"abc"), Reply("string", b"\xff"), Reply("map", [_string("k"), Reply("nil")])],
    )
    assert plain(reply) == ["abc", b"\xff", {"k": None}]


@pytest.fixture
def served() -> Iterator[Callable[[bytes], Wire]]:
    """A wire to a peer that says the given bytes, one at a time, and hangs up."""
    speakers = []

    def serve(said: bytes) -> Wire:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        def speak() -> None:
            # One that has heard enough hangs up itself.
            with contextlib.suppress(ConnectionError), listener, listener.accept()[0] as peer:
                for byte in said:
                    peer.sendall(bytes([byte]))

        speakers.append(threading.Thread(target=speak))
        speakers[-1].start()
        return Wire("127.0.0.1", port, seconds=60)

    yield serve
    for speaker in speakers:
        speaker.join()


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (b"+OK\r\n", "OK"),
        (b":42\r\n", 42),
        (b"$5\r\na\r\nbc\r\n", "a\r\nbc"),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", ["a", [1]]),
        (b"%1\r\n+k\r\n,1.5\r\n", {"k": 1.5}),
        (b"~1\r\n#t\r\n", [True]),
        (b"|1\r\n+ttl\r\n:3\r\n_\r\n", None),
        (b"=8\r\ntxt:page\r\n", "page"),
        (b"(123456789012345678901234567890\r\n", "123456789012345678901234567890"),
    ],
)
def test_replies_of_both_versions_of_the_protocol_are_read(
    served: Callable[[bytes], Wire], said: bytes, value: object
) -> None:
    wire = served(said)
    assert plain(wire.read()) == value
    wire.close()


def test_a_server_that_hangs_up_in_a_reply_is_an_error(served: Callable[[bytes], Wire]) -> None:
    wire = served(b"$10\r\nabc")
    with pytest.raises(ConnectionError):
        wire.read()
    wire.close()


def test_a_server_of_another_protocol_is_told_apart(served: Callable[[bytes], Wire]) -> None:
    wire = served(b"HTTP/1.1 400 Bad Request\r\n")
    with pytest.raises(ConnectionError, match="does not speak RESP"):
        wire.read()
    wire.close()
