"""Help and the reference page, derived from the declarations. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.commands.model import Command, Role
from bot.commands.registry import Registry
from bot.commands.usage import usage

INTRODUCTION = """# Commands

<!-- Made by `bot.commands.document()` from the declarations in bot/commands; do not edit. -->

A message is a command only if it is one line and fits the grammar completely: `stop the server`, `go ahead` or
`run the tests` go to the agent as text. Capital letters do not matter in a command's own words. With `/` or `!` in
front (`/status`) a message is always meant as a command, and a mistake in it is answered instead of being passed on.
Words with spaces are quoted as in a shell; options stand in any order, as `--option value` or `--option=value`."""


def overview(registry: Registry, role: Role) -> str:
    """All commands this role may give, under their headings."""
    commands = registry.visible_to(role)
    parts = [_section(group, [each for each in commands if each.group == group]) for group in groups(commands)]
    return "\n\n".join((*parts, "`help <command>` explains one. Anything else you write goes to the agent."))


def groups(commands: Sequence[Command]) -> tuple[str, ...]:
    """Headings in the order of their first command."""
    return tuple(dict.fromkeys(command.group for command in commands))


def _section(group: str, commands: Sequence[Command]) -> str:
    return "\n".join((f"**{group}**", *(f"- `{usage(each)}` — {each.summary}" for each in commands)))


def explain(command: Command) -> str:
    """Usage, details, options and examples of one command, for chat."""
    parts = (f"`{usage(command)}` — {command.summary}.", command.details, _options(command), _examples(command))
    return "\n\n".join(part for part in parts if part)


def _options(command: Command) -> str:
    return "\n".join(f"- `--{option.name}{_value(option.metavar)}` — {option.help}" for option in command.options)


def _value(metavar: str) -> str:
    return f" {metavar}" if metavar else ""


def _examples(command: Command) -> str:
    return "\n".join(f"- `{example.text}` — {example.does}" for example in command.examples)


def document(registry: Registry) -> str:
    """The Markdown reference of every command."""
    parts = [INTRODUCTION]
    for group in groups(registry.commands):
        parts.append(f"## {group}")
        parts.extend(_entry(command) for command in registry.commands if command.group == group)
    return "\n\n".join(parts) + "\n"


def _entry(command: Command) -> str:
    title = f"### `{usage(command)}`\n\n{command.summary[0].upper()}{command.summary[1:]}. For {_audience(command)}."
    parts = (title, command.details, _options(command), _examples(command))
    return "\n\n".join(part for part in parts if part)


def _audience(command: Command) -> str:
    return {"member": "members", "operator": "operators", "owner": "owners"}.get(command.role, "nobody")
