"""Help, completion and documentation follow from the declarations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.commands import REGISTRY, complete, document, interrupted, parse
from bot.commands.help import explain, overview
from bot.commands.model import Arg, Command, CommandCall, Desk, Invocation, Kind, Names, Option, Reply, Role
from bot.commands.registry import Registry, allowed, needed
from bot.commands.usage import usage

NAMES = Names(agents=("demo", "claude"), projects={"harbour": ""})
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
EXAMPLES = [(command, example.text) for command in REGISTRY.commands for example in command.examples]


def _command(name: str) -> Command:
    command = REGISTRY.find(name)
    assert command
    return command


def test_the_commands_are_these() -> None:
    assert [usage(command) for command in REGISTRY.commands] == [
        "stop [id|all]",
        "retry [id] [at reset|at HH:MM]",
        "runs [n]",
        "run <id>",
        "allow [always]",
        "deny [why]",
        "show all",
        "status [run|project]",
        "go",
        "reset",
        "mode [collect|interrupt|steer]",
        "agent [name|default]",
        "ambient [on|off]",
        "new project [name] [--stack S] [--git URL] [--branch B] [--path DIR] [--agent A] [--cpus N] [--memory SIZE]",
        "projects",
        "use <name|none>",
        "project <name>",
        "diff [name]",
        "ssh <name>",
        "project start <name>",
        "project stop <name>",
        "project restart <name>",
        "rebuild <name> [--stack S]",
        "set <name> [--cpus N] [--memory SIZE] [--agent A]",
        "logs <name> [n]",
        "delete <name> [--confirm NAME] [--purge-source]",
        "secrets list <name>",
        "secrets unset <name> <key>",
        "stacks",
        "send <path>",
        "members",
        "grant <code|user> as <owner|operator|member|guest>",
        "revoke <user>",
        "pair <code>",
        "page [logout]",
        "help [command]",
        "version",
    ]


@pytest.mark.parametrize(("command", "text"), EXAMPLES, ids=[text for _, text in EXAMPLES])
def test_every_example_is_a_call_of_its_command(command: Command, text: str) -> None:
    parsed = parse(text, replace(NAMES, asking=True))
    assert isinstance(parsed, CommandCall)
    assert parsed.command is command


@pytest.mark.parametrize("command", REGISTRY.commands, ids=lambda command: command.name)
def test_every_command_is_explained(command: Command) -> None:
    assert command.examples
    assert command.summary
    assert not command.summary.endswith(".")
    assert f"### `{usage(command)}`" in document()
    assert explain(command).startswith(f"`{usage(command)}` — {command.summary}.")


def test_the_reference_page_is_fresh() -> None:
    """Stale? Run script/docs, or write what `bot.commands.document()` returns."""
    assert REFERENCE.read_text(encoding="utf-8") == document()


def test_the_overview_is_grouped_and_names_every_command() -> None:
    text = overview(REGISTRY, "owner")
    assert text.startswith("**Work**\n- `stop [id|all]` — ends the work of this conversation at once, and proves it\n")
    assert [line for line in text.splitlines() if line.startswith("**")] == [
        "**Work**",
        "**Permissions**",
        "**This conversation**",
        "**Projects**",
        "**Files**",
        "**People**",
        "**Tugbot**",
    ]
    assert sum(line.startswith("- ") for line in text.splitlines()) == len(REGISTRY.commands)


def test_the_overview_hides_what_the_role_may_not_do() -> None:
    owners = _declared("wipe", role="owner")
    members = _declared("look")
    registry = Registry((owners, members))
    assert "wipe" not in overview(registry, "operator")
    assert "look" in overview(registry, "operator")


def test_options_are_explained() -> None:
    command = _declared("make", options=(Option("git", "word", "clone this", "URL"), Option("dry", "flag", "only say")))
    assert "- `--git URL` — clone this\n- `--dry` — only say" in explain(command)


# ---------------------------------------------------------------- roles


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("stop", "member"),
        ("stop 9", "member"),
        ("stop all", "owner"),
        ("mode", "member"),
        ("mode interrupt", "operator"),
        ("agent", "member"),
        ("agent demo", "operator"),
        ("status", "member"),
        ("help", "member"),
        ("new project toy", "operator"),
        ("use none", "operator"),
        ("projects", "member"),
        ("delete harbour", "operator"),
        ("ambient", "member"),
        ("ambient on", "operator"),
        ("members", "operator"),
        ("grant slack:U1 as member", "owner"),
        ("revoke slack:U1", "owner"),
    ],
)
def test_what_role_a_call_needs(text: str, role: Role) -> None:
    parsed = parse(text, NAMES)
    assert isinstance(parsed, CommandCall)
    assert needed(parsed.command, parsed.args) == role
    roles: tuple[Role, ...] = ("guest", "member", "operator", "owner")
    may = [each for each in roles if allowed(each, parsed.command, parsed.args)]
    assert may == list(roles[roles.index(role) :])


def test_a_guest_may_do_nothing_whatever_is_declared() -> None:
    assert not allowed("guest", _declared("look", role="guest"))
    assert allowed("member", _declared("look", role="guest"))


# ---------------------------------------------------------------- completion


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("st", ["stop", "status", "stacks"]),
        ("ST", ["stop", "status", "stacks"]),
        ("/st", ["/stop", "/status", "/stacks"]),
        ("use ", ["none", "harbour"]),
        ("status ha", ["harbour"]),
        ("project st", ["start", "stop"]),
        ("new ", ["project"]),
        ("project start h", ["harbour"]),
        ("!ver", ["!version"]),
        ("stop ", ["all"]),
        ("/stop a", ["all"]),
        ("stop all ", []),
        ("agent ", ["default", "demo", "claude"]),
        ("agent c", ["claude"]),
        ("agent demo c", []),
        ("mode ", ["collect", "interrupt", "steer"]),
        ("help re", ["retry", "reset", "rebuild", "revoke"]),
        ("stop the se", []),
        ("say st", []),
        ("two\nst", []),
    ],
)
def test_completion(text: str, candidates: list[str]) -> None:
    assert [word for word, _ in complete(text, NAMES)] == candidates


def test_completion_of_nothing_offers_every_command_with_its_summary() -> None:
    first_words = {command.name.split()[0]: command.summary for command in REGISTRY.commands}
    assert dict(complete("", NAMES)) == first_words


def test_completion_of_long_names_and_options() -> None:
    from bot.commands.completion import complete as complete_with

    options = (
        Option("size", "choice", "how big", "small|big", choices=("small", "big")),
        Option("dry", "flag", "only say"),
    )
    registry = Registry((_declared("new project", args=(Arg("agent", "agent", optional=True),), options=options),))

    def candidates(text: str) -> list[str]:
        return [word for word, _ in complete_with(text, registry, NAMES)]

    assert candidates("n") == ["new"]
    assert candidates("new ") == ["project"]
    assert candidates("new project ") == ["demo", "claude", "--size", "--dry"]
    assert candidates("new project demo --") == ["--size", "--dry"]
    assert candidates("new project --size ") == ["small", "big"]
    assert candidates("new project --size big ") == ["demo", "claude", "--dry"]


# ---------------------------------------------------------------- declarations


async def _nothing(invocation: Invocation, desk: Desk) -> Reply:
    return Reply("")


def _declared(
    name: str, role: Role = "member", args: tuple[Arg, ...] = (), options: tuple[Option, ...] = ()
) -> Command:
    return Command(name, "does it", _nothing, "Group", role=role, args=args, options=options)


def _args(*kinds: tuple[str, Kind, bool]) -> tuple[Arg, ...]:
    return tuple(Arg(name, kind, optional) for name, kind, optional in kinds)


@pytest.mark.parametrize(
    "commands",
    [
        (_declared("a"), _declared("a")),
        (_declared("A"),),
        (_declared(""),),
        (_declared(" a"),),
        (_declared("a", args=_args(("x", "word", True), ("y", "word", False))),),
        (_declared("a", args=_args(("x", "word", False), ("x", "run", False))),),
        (_declared("a", args=_args(("x", "flag", False))),),
        (_declared("a", args=_args(("x", "command", False), ("y", "word", False))),),
        (_declared("a", args=_args(("x", "word", False)), options=(Option("x", "flag", ""),)),),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(commands: tuple[Command, ...]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Registry(commands)


# ---------------------------------------------------------------- after a restart


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "retry 3",
            "`retry 3` was cut off by a restart. `runs` shows whether it was carried out; if not, send it again.",
        ),
        ("status", "`status` was cut off by a restart and was not carried out; send it again."),
        ("agent", "`agent` was cut off by a restart and was not carried out; send it again."),
        ("agent demo", "`agent demo` took effect, but its answer was cut off by a restart."),
        ("mode interrupt", "`mode interrupt` took effect, but its answer was cut off by a restart."),
    ],
)
def test_a_command_that_was_cut_off(text: str, said: str) -> None:
    assert interrupted(text, NAMES) == said
