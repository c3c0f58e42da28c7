"""Command lines of the AWS CLI, as the course's pages print them."""

from __future__ import annotations

import pytest

from sandbox.clients.awscli_split import NotPlainError, split, words

GET = """aws dynamodb get-item \\
    --table-name UserData \\
    --key '{"UserID": {"N": "12345"}}'"""


def test_a_backslash_carries_a_command_on_to_the_next_line() -> None:
    assert split(GET + "\naws s3 ls\n") == ([GET, "aws s3 ls"], "")
    assert words(GET) == [
        "dynamodb",
        "get-item",
        "--table-name",
        "UserData",
        "--key",
        '{"UserID": {"N": "12345"}}',
    ]


def test_a_backslash_before_a_windows_line_end_works_too() -> None:
    text = "aws s3api list-objects-v2 \\\r\n  --bucket b\r\naws s3 ls\r\n"
    commands, rest = split(text)
    assert rest == ""
    assert [words(c) for c in commands] == [["s3api", "list-objects-v2", "--bucket", "b"], ["s3", "ls"]]


def test_an_open_quote_or_a_last_backslash_leaves_a_command_incomplete() -> None:
    assert split("aws s3 ls\naws dynamodb put-item --item '{\n") == (
        ["aws s3 ls"],
        "aws dynamodb put-item --item '{",
    )
    assert split("aws s3 ls \\\n") == ([], "aws s3 ls \\")


def test_json_over_several_lines_is_one_word() -> None:
    text = 'aws dynamodb put-item --item \'{\n  "a": {"S": "x; y # z"}\n}\'\n'
    (command,), rest = split(text)
    assert rest == ""
    assert words(command)[-1] == '{\n  "a": {"S": "x; y # z"}\n}'


def test_comments_blank_lines_and_semicolons_part_commands() -> None:
    text = "# first\n\naws s3 ls; aws s3 mb s3://b  # make it\n  # last\n"
    commands, rest = split(text)
    assert rest == ""
    assert [words(c) for c in commands] == [["s3", "ls"], ["s3", "mb", "s3://b"]]


@pytest.mark.parametrize("line", ["aws s3 ls", "s3 ls", "$ aws s3 ls"])
def test_the_word_aws_and_a_printed_prompt_may_stand_before(line: str) -> None:
    assert words(line) == ["s3", "ls"]


@pytest.mark.parametrize("quoted", ["'a | b > $x `y`'", '"a | b > c & (d)"', "a\\|b"])
def test_quoted_signs_of_the_shell_are_just_text(quoted: str) -> None:
    assert len(words(f"aws x {quoted}")) == 2


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        ("aws s3 ls | head", "|"),
        ("aws s3 ls > out", ">"),
        ("aws s3 ls && aws s3 ls", "&"),
        ("aws s3 ls $HOME", "$"),
        ('aws s3 ls "$HOME"', "$"),
        ("aws s3 ls $(pwd)", "$"),
        ("aws s3 ls `pwd`", "`"),
    ],
)
def test_what_only_a_shell_can_do_is_refused_by_name(line: str, sign: str) -> None:
    with pytest.raises(NotPlainError) as refused:
        words(line)
    assert str(refused.value) == sign


def test_a_dollar_that_stands_for_nothing_is_text() -> None:
    assert words("aws x 'US$' 5$") == ["x", "US$", "5$"]
