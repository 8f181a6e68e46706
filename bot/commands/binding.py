"""Fitting the words after a command's name to its declaration. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from bot.commands.kinds import Mismatch, Scope, read
from bot.commands.model import Arg, Args, Command, Option
from bot.commands.phrases import code
from bot.commands.quoting import Word
from bot.commands.spelling import near


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why the words are no call of the command, and whether they were meant as one all the same."""

    reason: str
    meant: bool


def fit(command: Command, words: Sequence[Word], scope: Scope) -> Args | Misfit:
    """The arguments of a call, or why there is none."""
    try:
        plain, options = _part(command, words, scope)
        return {**_positional(command, plain, scope), **options}
    except Mismatch as misfit:
        return Misfit(misfit.reason, command.claims or misfit.almost or _reaches_option(command, words, scope))


def _part(command: Command, words: Sequence[Word], scope: Scope) -> tuple[list[str], dict[str, object]]:
    plain: list[str] = []
    options: dict[str, object] = {}
    rest = iter(words)
    for word in rest:
        if not is_option(word):
            plain.append(word.text)
            continue
        name, equals, value = word.text[2:].partition("=")
        option = _find(command, name)
        if option.name in options:
            raise Mismatch(f"`--{option.name}` is given twice.")
        options[option.name] = _value(option, value if equals else None, rest, scope)
    return plain, options


def is_option(word: Word) -> bool:
    return not word.literal and word.text.startswith("--") and word.text[2:3].isalpha()


def _find(command: Command, name: str) -> Option:
    for option in command.options:
        if option.name == name:
            return option
    close = near(name, [option.name for option in command.options], 2)
    hint = f" Did you mean `--{close[0]}`?" if close else ""
    raise Mismatch(f"`{command.name}` has no option {code('--' + name)}.{hint}")


def _value(option: Option, given: str | None, rest: Iterator[Word], scope: Scope) -> object:
    if option.kind == "flag" and given is None:
        return True
    if given is None:
        following = next(rest, None)
        if following is None or is_option(following):
            raise Mismatch(f"`--{option.name}` needs a value.")
        given = following.text
    return read(given, option, scope)


def _positional(command: Command, plain: Sequence[str], scope: Scope, whole: bool = True) -> dict[str, object]:
    """Values of positional words; with `whole`, raises Mismatch where a required one is missing."""
    words = _gathered(command.args, plain)
    if len(words) > len(command.args):
        extra = code(words[len(command.args)])
        raise Mismatch(f"`{command.name}` does not take {extra}.")
    values = {arg.name: read(word, arg, scope) for arg, word in zip(command.args, words, strict=False)}
    for arg in command.args[len(words) :]:
        if whole and not arg.optional:
            raise Mismatch(f"`{command.name}` needs {_named(arg)}.")
    return values


def _gathered(args: Sequence[Arg], plain: Sequence[str]) -> list[str]:
    """A command's name, and the rest of a line, may be of several words: they take all that are left."""
    if not args or args[-1].kind not in ("command", "rest") or len(plain) < len(args):
        return list(plain)
    first = len(args) - 1
    return [*plain[:first], " ".join(plain[first:])]


def _named(arg: Arg) -> str:
    if arg.kind == "run":
        return "the number of a run"
    if arg.kind == "project":
        return "the name of a project"
    return f"a {arg.name}"


def _reaches_option(command: Command, words: Sequence[Word], scope: Scope) -> bool:
    """Whether an option stands where the command could take one.

    "go --race" is a misused command, "go test --race" a sentence: what stands before the option must fit.
    """
    before = [word.text for word in takewhile(lambda word: not is_option(word), words)]
    if len(before) == len(words):
        return False
    try:
        _positional(command, before, scope, whole=False)
    except Mismatch:
        return False
    return True
