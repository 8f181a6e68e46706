"""devcontainer.json is a stranger's file: little of it is taken, and nothing in it can do harm."""

from __future__ import annotations

import json
import re
import shlex
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.projects.devcontainer import NONE, DevContainer, read

WHOLE = """
// of the web team
{
    "name": "Harbour", /* shown
    nowhere */
    "image": "mcr.example/universal:2",
    "forwardPorts": [3000, 5432,],
    "remoteEnv": {"RUST_LOG": "debug", "URL": "http://localhost/*x*/", }, // not a comment: "//x/"
    "postCreateCommand": "npm ci // && x",
}
"""


def test_what_is_safe_is_taken_comments_and_trailing_commas_or_not() -> None:
    assert read(WHOLE) == DevContainer(
        name="Harbour",
        forwards=(3000, 5432),
        env={"RUST_LOG": "debug", "URL": "http://localhost/*x*/"},
        command="npm ci // && x",
        warnings=("Of devcontainer.json these are ignored: `image`.",),
    )


@pytest.mark.parametrize(
    "value", ["//", "/*", "*/", "/* x */", '\\"', '\\" // x', "\\\\", ",}", ", ]", '\\",}', "\\u002f/", "a\\nb"]
)
def test_what_looks_like_a_comment_or_a_comma_in_a_string_stays(value: str) -> None:
    found = read('{"postCreateCommand": "' + value + '" /* " */ , // "\n}')
    assert found == DevContainer(env={}, command=json.loads(f'"{value}"'))


@pytest.mark.parametrize("text", ["{}", "{} // x", "/**/{}", "{ /* x */ }", "{\r\n}\n\n"])
def test_an_empty_one_wants_nothing(text: str) -> None:
    assert read(text) == NONE


@pytest.mark.parametrize(
    "key",
    [
        *("privileged", "runArgs", "mounts", "workspaceMount", "initializeCommand", "capAdd", "securityOpt", "build"),
        *("image", "dockerFile", "dockerComposeFile", "features", "containerEnv", "appPort", "postStartCommand"),
        *("onCreateCommand", "updateContentCommand", "hostRequirements", "init", "overrideCommand", "Name"),
    ],
)
def test_what_could_reach_the_host_is_ignored_and_named(key: str) -> None:
    hostile = json.dumps({key: ["--privileged", "source=/,target=/host,type=bind"], "forwardPorts": [80]})
    found = read(hostile)
    assert found == DevContainer(
        env={}, forwards=(80,), warnings=(f"Of devcontainer.json these are ignored: `{key}`.",)
    )


def test_all_that_is_ignored_is_said_in_one_line_of_bounded_length() -> None:
    found = read(json.dumps({f"{number}{'x' * 300}": 1 for number in range(300)}))
    (warning,) = found.warnings
    assert warning.endswith(" ….")
    assert len(warning) < 500


@pytest.mark.parametrize(
    "key", ["`rm -rf`", "a\n\nRun 7 succeeded.", "\x1b[2J", "\u202e", "\ud800", "\0", "\u2028x", "**x**"]
)
def test_a_warning_holds_nothing_that_a_chat_would_take_for_more_than_a_word(key: str) -> None:
    (warning,) = read(json.dumps({key: 1})).warnings
    assert warning.isprintable()
    assert warning.count("`") == 2
    warning.encode()


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "}", '{"name": }', '"', "{'name': 'x'}", '{"a": 1} {}', "\ufeff{}", "<xml/>", "\0", "/*", "//"],
)
def test_what_cannot_be_read_is_ignored_and_said(text: str) -> None:
    assert read(text) == DevContainer(env={}, warnings=("devcontainer.json cannot be read; it is ignored.",))


@pytest.mark.parametrize("text", ["[]", "[{}]", "1", '"x"', "null", "true", "NaN", "[1,]"])
def test_what_is_no_object_is_ignored_and_said(text: str) -> None:
    assert read(text) == DevContainer(env={}, warnings=("devcontainer.json holds no object; it is ignored.",))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([3000, "5432", "db:5432", True, None, 1.5, [80], -1, 0, 65535, 65536, 10**400, 3000], (3000, 65535)),
        (3000, ()),
        ("3000", ()),
        ({"3000": 1}, ()),
        (None, ()),
        (list(range(1, 1000)), tuple(range(1, 51))),
    ],
)
def test_forwarded_ports_are_numbers_of_ports(value: object, found: tuple[int, ...]) -> None:
    assert read(json.dumps({"forwardPorts": value})).forwards == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"A": "1", "_b2": "", "C": "x y $HOME"}, {"A": "1", "_b2": "", "C": "x y $HOME"}),
        ({"A": 1, "B": None, "C": ["x"], "D": {"E": "x"}}, {}),
        ({"": "x", "1A": "x", "A-B": "x", "A=B": "x", "A\n": "x", "Ä": "x", "A" * 102: "x"}, {}),
        ({"A": "${localEnv:HOME}", "B": "x${env:Y}"}, {}),
        ({"A": "a\nb", "B": "\0", "C": "\x1b", "D": "\ud800", "E": "x" * 4096}, {}),
        ({f"A{number}": "x" for number in range(300)}, {f"A{number}": "x" for number in range(100)}),
        ("A=1", {}),
        (["A=1"], {}),
        (None, {}),
    ],
)
def test_the_environment_is_names_with_plain_values(value: object, found: dict[str, str]) -> None:
    assert read(json.dumps({"remoteEnv": value})).env == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("npm ci && npm test", "npm ci && npm test"),
        (["npm", "run", "a b; rm -rf ~"], "npm run 'a b; rm -rf ~'"),
        ([], ""),
        ({"server": "npm start"}, ""),
        (["npm", 1], ""),
        (1, ""),
        (None, ""),
        ("a\0b", ""),
        (["a\0b"], ""),
        ("a\ud800", ""),
        (["a\ud800"], ""),
        ("x" * 4096, ""),
        (["x"] * 4096, ""),
    ],
)
def test_the_command_is_a_line_for_the_shell_or_words_that_are_quoted(value: object, found: str) -> None:
    assert read(json.dumps({"postCreateCommand": value})).command == found


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("forwardPorts", [3000, "db:5432"], "forwardPorts (in part)"),
        ("forwardPorts", 3000, "forwardPorts (in part)"),
        ("forwardPorts", [3000, 3000], ""),
        ("remoteEnv", {"A": "x", "B": "${localEnv:HOME}"}, "remoteEnv (in part)"),
        ("remoteEnv", {"A": "x"}, ""),
        ("postCreateCommand", {"server": "npm start"}, "postCreateCommand (its form)"),
        ("postCreateCommand", "npm ci", ""),
    ],
)
def test_what_is_taken_in_part_only_is_said(key: str, value: object, named: str) -> None:
    wanted = (f"Of devcontainer.json these are ignored: `{named}`.",) if named else ()
    assert read(json.dumps({key: value})).warnings == wanted


def test_a_name_is_short_and_a_text() -> None:
    assert read(json.dumps({"name": "x" * 300})).name == "x" * 80
    assert read(json.dumps({"name": 7})).name == ""
    assert read(json.dumps({"name": "a\n\x1b\ud800b"})).name == "ab"


HUGE = 100_000  # bytes that are read of the file, see bot/projects/checkout.py


@pytest.mark.parametrize(
    "text",
    [
        "[" * HUGE,
        "{" * HUGE,
        "[{" * HUGE,
        '{"a":' * (HUGE // 5),
        "[" * (HUGE // 2) + "]" * (HUGE // 2),
        '{"a":' + "[" * (HUGE // 2) + "]" * (HUGE // 2) + "}",
        '{"' + '\\"' * (HUGE // 2),
        '{"' + '\\"' * (HUGE // 2) + "\\",
        '{"' + "\\" * HUGE,
        '"' * HUGE,
        "/* " * (HUGE // 3),
        "/*" * (HUGE // 2),
        "/" * HUGE,
        "// " * (HUGE // 3),
        "," * HUGE,
        ", " * (HUGE // 2),
        "," + " " * HUGE,
        ",\n" * (HUGE // 2),
        " " * HUGE,
        "{" + '"a":1,' * (HUGE // 6) + "}",
        '{"forwardPorts": [' + "9" * HUGE + "]}",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_files_are_quickly_dealt_with(text: str) -> None:
    started = time.perf_counter()
    assert len(read(text).warnings) == 1
    assert time.perf_counter() - started < 2.0  # linear takes some milliseconds, square takes minutes


def test_deep_but_sensible_nesting_is_read() -> None:
    deep = '{"customizations": ' + "[" * 100 + "]" * 100 + ', "name": "x"}'
    assert read(deep) == DevContainer(env={}, name="x")


# ---------------------------------------------------------------- every text

PIECES = st.sampled_from(["{", "}", "[", "]", ",", ":", '"', "\\", "//", "/*", "*/", "\n", "name", "1", " ", "null"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
KEYS = st.sampled_from(["name", "forwardPorts", "remoteEnv", "postCreateCommand", "mounts"]) | st.text()


@settings(deadline=None)
@given(st.text() | st.lists(PIECES | st.text(max_size=3)).map("".join) | st.dictionaries(KEYS, VALUES).map(json.dumps))
@example('{"\\ud800": 1, "name": "\\ud800", "postCreateCommand": "\\ud800"}')
def test_whatever_it_holds_something_harmless_comes_of_it(text: str) -> None:
    found = read(text)
    assert all(0 < port < 65536 for port in found.forwards)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) for key in found.env)
    assert all(line.isprintable() for line in (found.name, *found.warnings, *found.env.values()))
    assert "\0" not in found.command
    found.command.encode()


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=4))
def test_words_of_a_command_come_through_the_shell_as_they_were(words: list[str]) -> None:
    assert shlex.split(read(json.dumps({"postCreateCommand": words})).command) == words


PLAIN = st.text() | st.integers() | st.lists(st.text(max_size=5), max_size=3)


@settings(deadline=None)
@given(st.dictionaries(KEYS, PLAIN, max_size=4), st.sampled_from([" ", "// x\n", "/* x */", '/* " */', "\n"]))
def test_comments_and_trailing_commas_change_nothing(found: dict[str, object], between: str) -> None:
    plain = json.dumps(found)
    comma = "," if found else ""
    assert read(f"{between}{plain[:-1]}{comma}{between}}}{between}") == read(plain)
