"""Completion of commands while they are typed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.commands.kinds import Scope, known, lower
from bot.commands.model import Arg, Command, Names, Option
from bot.commands.registry import Registry

Candidate = tuple[str, str]  # what replaces the last word of the text, and what it means


def complete(text: str, registry: Registry, names: Names) -> list[Candidate]:
    """Candidates for the last word of `text` (the empty word after white space), in the order of the registry.

    Only what can still become a command is offered: nothing in the middle of a sentence.
    """
    if "\n" in text:
        return []
    prefix = text[:1] if text[:1] in ("/", "!") else ""
    words = text[len(prefix) :].split()
    typed = "" if not words or text[-1].isspace() else words.pop()
    found = dict(_candidates([lower(word) for word in words], Scope(registry, names)))
    lead = "" if words else prefix
    return [(lead + word, meta) for word, meta in found.items() if word.lower().startswith(typed.lower())]


def _candidates(words: list[str], scope: Scope) -> Iterator[Candidate]:
    for command in scope.registry.commands:
        name = command.name.split()
        if name[: len(words)] == words and len(name) > len(words):
            yield name[len(words)], command.summary
    for command in scope.registry.named_by(words):
        yield from _arguments(command, words[len(command.name.split()) :], scope)


def _arguments(command: Command, given: list[str], scope: Scope) -> Iterator[Candidate]:
    awaited = _awaited(command, given)
    if awaited:
        yield from ((word, awaited.help) for word in known(awaited, scope))
        return
    position = _position(command, given)
    for arg in command.args[position : position + 1]:
        yield from ((word, _meaning(arg, word, scope)) for word in known(arg, scope))
    for option in command.options:
        if not any(word.partition("=")[0] == f"--{option.name}" for word in given):
            yield f"--{option.name}", option.help


def _awaited(command: Command, given: Iterable[str]) -> Option | None:
    """The option whose value comes next."""
    last = [*given][-1:]
    return next((each for each in command.options if each.kind != "flag" and [f"--{each.name}"] == last), None)


def _position(command: Command, given: list[str]) -> int:
    """How many positional words stand in `given`."""
    taking = {f"--{option.name}" for option in command.options if option.kind != "flag"}
    values = sum(word in taking for word in given)
    return sum(not word.startswith("--") for word in given) - values


def _meaning(arg: Arg, word: str, scope: Scope) -> str:
    command = scope.registry.find(word) if arg.kind == "command" else None
    return command.summary if command else arg.name
