"""The usage line of a command. Pure."""

from __future__ import annotations

from bot.commands.model import Arg, Command, Option

# What stands in the usage line for an argument read by its kind; None: its choices alone.
_PLACEHOLDERS = {"run": "id", "count": "n", "command": "command"}


def usage(command: Command) -> str:
    """`stop [id|all]`, `run <id>`, `new project [name] [--git URL]`. No back-ticks."""
    if command.usage:
        return command.usage
    parts = (command.name, *map(_argument, command.args), *map(_option, command.options))
    return " ".join(parts)


def _argument(arg: Arg) -> str:
    own = () if arg.kind == "choice" else (_PLACEHOLDERS.get(arg.kind, arg.name),)
    text = "|".join((*own, *arg.choices))
    return f"[{text}]" if arg.optional else f"<{text}>"


def _option(option: Option) -> str:
    return f"[--{option.name}]" if option.kind == "flag" else f"[--{option.name} {option.metavar}]"
