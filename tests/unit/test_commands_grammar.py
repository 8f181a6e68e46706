"""The grammar rule: what is a command, what is text, what is answered as misuse, what is asked about."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bot.commands import REGISTRY, parse, stop_scope
from bot.commands.grammar import parse as parse_with
from bot.commands.model import (
    Arg,
    Ask,
    Command,
    CommandCall,
    Desk,
    Invocation,
    Names,
    Option,
    PlainText,
    Reply,
    Usage,
)
from bot.commands.registry import Registry

NAMES = Names(agents=("demo", "claude", "codex"))

SENTENCES = (
    "stop the server",
    "Stop it please",
    "stop, that is wrong",
    "stop. now do the tests",
    "stop stop",
    "stop at line 9",
    "stop 9 of the workers",
    "stop all the containers",
    "stop using tabs",
    "stop 'till Monday",
    "wait, stop",
    "stop -9",
    "stop ٣",
    "stop 12345678901",
    "status report please",
    "status of the build?",
    "status codes should be integers",
    "go ahead",
    "go on",
    "go, please",
    "go with option 2",
    "go test ./... --race",
    "go vet",
    "Go is the language here",
    "go!",
    "reset the database",
    "reset my branch to origin/main",
    "run the tests",
    "run 8 tests",
    "run it again",
    "run cargo test --release",
    "run",
    "runs fine here",
    "runs 5 times slower than before",
    "runs twice",
    "retry that",
    "retry with a longer timeout",
    "retry 3 times before giving up",
    "help me",
    "help me with the parser",
    "help! it does not compile",
    "help stop the leak",
    "mode: dark",
    "mode should be an enum",
    "mode dark",
    "agent smith",
    "agent names should be lower case",
    "version 2 is out",
    "version bump, please",
    "Version the API under /v2",
    "“stop”",
    "'stop'",
    "stop\nthe server",
)


COMMANDS: tuple[tuple[str, str, Mapping[str, object]], ...] = (
    ("stop", "stop", {}),
    ("STOP", "stop", {}),
    ("  Stop  ", "stop", {}),
    ("stop.", "stop", {}),
    ("stop!", "stop", {}),
    ("Stop!!!", "stop", {}),
    ("stop ?", "stop", {}),
    ("stop …", "stop", {}),
    ("stop.\n", "stop", {}),
    ("\nstop", "stop", {}),
    ("\u00a0stop\u2003!", "stop", {}),
    ("/stop", "stop", {}),
    ("!stop", "stop", {}),
    ("/STOP!", "stop", {}),
    ("!Stop …", "stop", {}),
    ("stop 9", "stop", {"what": 9}),
    ("stop\u00a09", "stop", {"what": 9}),
    ("Stop 9!", "stop", {"what": 9}),
    ("/stop 0123456789", "stop", {"what": 123456789}),
    ("stop all", "stop", {"what": "all"}),
    ("Stop All.", "stop", {"what": "all"}),
    ("!stop all", "stop", {"what": "all"}),
    ("stop '9'", "stop", {"what": 9}),
    ("status", "status", {}),
    ("Status", "status", {}),
    ("/status", "status", {}),
    ("!status ", "status", {}),
    ("go", "go", {}),
    ("Go", "go", {}),
    ("/go", "go", {}),
    ("reset", "reset", {}),
    ("/reset", "reset", {}),
    ("runs", "runs", {}),
    ("runs 5", "runs", {"n": 5}),
    ("runs\t12", "runs", {"n": 12}),
    ("/runs 5", "runs", {"n": 5}),
    ("run 8", "run", {"id": 8}),
    ("Run 8", "run", {"id": 8}),
    ("!run 8", "run", {"id": 8}),
    ("retry", "retry", {}),
    ("retry 8", "retry", {"id": 8}),
    ("/retry 8", "retry", {"id": 8}),
    ("help", "help", {}),
    ("Help", "help", {}),
    ("/help", "help", {}),
    ("help stop", "help", {"command": "stop"}),
    ("help Status", "help", {"command": "status"}),
    ("mode", "mode", {}),
    ("mode interrupt", "mode", {"mode": "interrupt"}),
    ("Mode Collect", "mode", {"mode": "collect"}),
    ("agent", "agent", {}),
    ("agent claude", "agent", {"name": "claude"}),
    ("Agent Claude", "agent", {"name": "claude"}),
    ("agent default", "agent", {"name": "default"}),
    ("version", "version", {}),
    ("/version", "version", {}),
)

ANSWERED = (
    ("/stop the server", "`stop`"),
    ("!go ahead", "`go` does not take `ahead`."),
    ("/run", "`run` needs the number of a run."),
    ("/run eight", "`eight` is not the number of a run."),
    ("/stop nine", "`nine` is not the number of a run or `all`."),
    ("/runs -1", "`-1` is not a number."),
    ("/mode stir", "`stir` is not `collect`, `interrupt` or `steer`."),
    ("/agent smith", "No agent `smith`; there are `demo`, `claude` and `codex`."),
    ("/help me", "There is no command `me`."),
    ("/statsu", "There is no command `statsu`. Did you mean `status`?"),
    ("/frobnicate now", "There is no command `frobnicate`. `help` lists what there is."),
    ("!über alles", "There is no command `über`."),
    ("/tmp is full", "There is no command `tmp`."),
    ("/stop\nthe server", "A command is one line."),
    ("/stop\n9", "A command is one line."),
    ("/run 'eight", "A quotation mark is not closed."),
    ("stop --now", "`stop` has no option `--now`."),
    ("go --race", "`go` has no option `--race`."),
    ("run 8 --verbose", "`run` has no option `--verbose`."),
    ("run --verbose", "`run` has no option `--verbose`."),
    ("agent clade", "No agent `clade`; there are `demo`, `claude` and `codex`."),
    ("agent cladue", "No agent `cladue`"),
    ("mode interupt", "`interupt` is not `collect`, `interrupt` or `steer`."),
    ("help stauts", "There is no command `stauts`. Did you mean `status`?"),
    ("/foo`bar`", "There is no command `foo'bar'`."),
)

TEXTS = (
    "",
    " ",
    "/",
    "!",
    "/ stop",
    "! stop",
    "/9",
    "!!",
    "// stop",
    "//stop",
    "/etc/hosts is broken",
    "/usr/bin/env what is this",
    "/stop/it",
    "/etc/hosts\nis broken",
    "the parser panics on an empty line",
    "please stop",
    "st\u043ep",  # Cyrillic о
    "\uff53\uff54\uff4f\uff50",  # full width
    "\u017ftop",  # long s, which casefold would make an s
    "stop\u200b",  # zero width, not white space
    "stop\u2028the server",
    "stop\n!",
)


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences_that_begin_with_a_command_word_are_text(text: str) -> None:
    assert parse(text, NAMES) == PlainText()


def test_there_are_fifty_of_each() -> None:
    assert len(set(SENTENCES)) >= 50
    assert len({text for text, _, _ in COMMANDS}) >= 50


@pytest.mark.parametrize(("text", "name", "args"), COMMANDS, ids=repr)
def test_commands_are_understood(text: str, name: str, args: Mapping[str, object]) -> None:
    assert parse(text, NAMES) == CommandCall(_command(name), args)


def _command(name: str) -> Command:
    command = REGISTRY.find(name)
    assert command
    return command


@pytest.mark.parametrize(("text", "said"), ANSWERED)
def test_misuse_is_answered(text: str, said: str) -> None:
    parsed = parse(text, NAMES)
    assert isinstance(parsed, Usage)
    assert said in parsed.text


def test_an_answer_to_misuse_shows_the_usage() -> None:
    parsed = parse("/run eight", NAMES)
    assert parsed == Usage("`eight` is not the number of a run.\nUsage: `run <id>`. `help run` explains it.")


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_text(text: str) -> None:
    assert parse(text, NAMES) == PlainText()


def test_a_final_newline_makes_no_second_line() -> None:
    assert parse("status\n", NAMES) == CommandCall(_command("status"), {})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("stats", "status"),
        ("Statsu", "status"),
        ("status?", "status"),
        ("stopp", "stop"),
        ("agents", "agent"),
        ("rests", None),
        ("resets", "reset"),
        ("vresion", "version"),
        ("retyr!", "retry"),
        ("stp", None),
        ("modes please", None),
        ("stat5s", None),
    ],
)
def test_a_lone_word_one_slip_away_is_asked_about(text: str, meant: str | None) -> None:
    parsed = parse(text, NAMES)
    if meant is None:
        assert parsed == PlainText()
    else:
        assert isinstance(parsed, Ask)
        assert parsed.text.startswith(f"Did you mean `{meant}`?")


@pytest.mark.parametrize(
    ("text", "scope"),
    [("STOP!", "session"), ("/stop 9", 9), ("stop all", "all"), ("stop it", None), ("status", None), ("/stop x", None)],
)
def test_the_scope_of_a_stop(text: str, scope: object) -> None:
    assert stop_scope(text) == scope


def test_without_agents_every_name_is_text_and_the_prefixed_answer_says_so() -> None:
    assert parse("agent claude", Names()) == PlainText()
    parsed = parse("/agent claude", Names())
    assert isinstance(parsed, Usage)
    assert "No agent `claude`; none is configured." in parsed.text


def test_a_short_word_is_not_near_a_short_agent() -> None:
    assert parse("agent ok", Names(agents=("pi",))) == PlainText()


# ---------------------------------------------------------------- what later commands need


async def _nothing(invocation: Invocation, desk: Desk) -> Reply:
    return Reply("")


NEW = Command(
    name="new project",
    group="Projects",
    summary="makes a project",
    handler=_nothing,
    args=(Arg("name", "word", optional=True),),
    options=(
        Option("git", "word", "clone this", "URL"),
        Option("cpus", "count", "how many", "N"),
        Option("size", "choice", "how big", "small|big", choices=("small", "big")),
        Option("dry", "flag", "only say what would be done"),
    ),
    claims=True,
)
PROJECT = Command("project", "shows one", _nothing, "Projects", args=(Arg("name", "word"),))
START = Command("project start", "starts one", _nothing, "Projects", args=(Arg("name", "word"),))
HELP = Command("help", "helps", _nothing, "Projects", args=(Arg("command", "command", optional=True),))
SYNTHETIC = Registry((NEW, PROJECT, START, HELP))


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("new project", {}),
        ("New  Project harbour", {"name": "harbour"}),
        ("new project --git https://e.org/h.git", {"git": "https://e.org/h.git"}),
        ("new project --git=https://e.org/h.git?a=b harbour", {"git": "https://e.org/h.git?a=b", "name": "harbour"}),
        ("new project harbour --cpus 2 --dry", {"name": "harbour", "cpus": 2, "dry": True}),
        ("new project --dry harbour --size=big", {"dry": True, "name": "harbour", "size": "big"}),
        ("new project 'my harbour'", {"name": "my harbour"}),
        ('new project "a \\"b\\" c"', {"name": 'a "b" c'}),
        ("new project my\\ harbour", {"name": "my harbour"}),
        ("new project --git ''\"\"x", {"git": "x"}),
        ("new project '--dry'", {"name": "--dry"}),
    ],
)
def test_options_and_quotes(text: str, args: Mapping[str, object]) -> None:
    assert parse_with(text, SYNTHETIC, Names()) == CommandCall(NEW, args)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("new project a b", "`new project` does not take `b`."),
        ("new project --gti x", "`new project` has no option `--gti`. Did you mean `--git`?"),
        ("new project --git", "`--git` needs a value."),
        ("new project --git --dry", "`--git` needs a value."),
        ("new project --dry=yes", "`--dry` takes no value."),
        ("new project --cpus two", "`two` is not a number."),
        ("new project --dry --dry", "`--dry` is given twice."),
        ("new project 'a", "A quotation mark is not closed."),
        ("new project ''", "An empty word is no name."),
        ("new project --size huge", "`huge` is not `small` or `big`."),
    ],
)
def test_a_claiming_command_answers_every_misuse(text: str, said: str) -> None:
    parsed = parse_with(text, SYNTHETIC, Names())
    assert isinstance(parsed, Usage)
    assert parsed.text.startswith(
        f"{said}\nUsage: `new project [name] [--git URL] [--cpus N] [--size small|big] [--dry]`."
    )


@pytest.mark.parametrize(
    ("text", "command", "args"),
    [
        ("project harbour", PROJECT, {"name": "harbour"}),
        ("project start harbour", START, {"name": "harbour"}),
        ("project start", PROJECT, {"name": "start"}),
        ("help new project", HELP, {"command": "new project"}),
        ("help project start", HELP, {"command": "project start"}),
    ],
)
def test_the_longest_name_that_fits_wins(text: str, command: Command, args: Mapping[str, object]) -> None:
    assert parse_with(text, SYNTHETIC, Names()) == CommandCall(command, args)


@pytest.mark.parametrize(
    "text", ["new projects are fun", "new", "'new project' x", "new 'project' x", "project is late, sorry"]
)
def test_synthetic_sentences_are_text(text: str) -> None:
    assert parse_with(text, SYNTHETIC, Names()) == PlainText()
