"""The registry of commands: which there are, in which order they are shown, and who may give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from bot.commands.model import Args, Command, Role

ROLES: tuple[Role, ...] = get_args(Role)  # from nothing to everything


class Registry:
    """An ordered, checked table of commands. Raises ValueError for a declaration that contradicts itself."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = tuple(commands)
        self._by_name = {command.name: command for command in self.commands}
        if len(self._by_name) != len(self.commands):
            raise ValueError("two commands share a name")
        for command in self.commands:
            _check(command)
        self._heads = frozenset(command.name.split()[0] for command in self.commands)

    def find(self, name: str) -> Command | None:
        return self._by_name.get(name)

    def begins(self, word: str) -> bool:
        """Whether the first word of some command is `word`: the quick way past ordinary text."""
        return word in self._heads

    def named_by(self, words: Sequence[str]) -> tuple[Command, ...]:
        """Commands whose name these lower-case words begin with, the longest name first."""
        longest = max(len(command.name.split()) for command in self.commands)
        lengths = range(min(len(words), longest), 0, -1)
        found = (self.find(" ".join(words[:length])) for length in lengths)
        return tuple(command for command in found if command)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def visible_to(self, role: Role) -> tuple[Command, ...]:
        return tuple(command for command in self.commands if allowed(role, command))


def _check(command: Command) -> None:
    if command.name != " ".join(command.name.lower().split()) or not command.name:
        raise ValueError(f"{command.name!r}: a name is lower-case words")
    optional = [arg.optional for arg in command.args]
    if optional != sorted(optional):
        raise ValueError(f"{command.name}: a required argument follows an optional one")
    fields = [arg.name for arg in command.args] + [option.name for option in command.options]
    if len(set(fields)) != len(fields):
        raise ValueError(f"{command.name}: two arguments share a name")
    if any(arg.kind == "flag" for arg in command.args):
        raise ValueError(f"{command.name}: only options are flags")
    if any(arg.kind in ("command", "rest") for arg in command.args[:-1]):
        raise ValueError(f"{command.name}: what takes the rest of the line stands last")


def needed(command: Command, args: Args | None = None) -> Role:
    """The least role that may give `command`, with these arguments where they are known."""
    if command.needs is None or args is None:
        return command.role
    return max(command.role, command.needs(args), key=ROLES.index)


def allowed(role: Role, command: Command, args: Args | None = None) -> bool:
    """A guest may do nothing, whatever a command declares."""
    return role != "guest" and ROLES.index(role) >= ROLES.index(needed(command, args))
