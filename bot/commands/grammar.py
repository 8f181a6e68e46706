"""What a message is: a command, a misused command, perhaps a command, or text. Pure, total, linear in its length.

The rule (spec/projects.md §1): without a prefix a message is a command only if it is one line and parses
completely, for people write sentences that begin with our words ("stop the server"). With `/` or `!` before a
letter it is meant as a command, and misuse is answered instead of being passed on to an agent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.commands.binding import Misfit, fit
from bot.commands.kinds import Scope, lower
from bot.commands.model import Ask, Command, CommandCall, Names, Parsed, PlainText, Usage
from bot.commands.phrases import code
from bot.commands.quoting import Word, split
from bot.commands.registry import Registry
from bot.commands.spelling import near
from bot.commands.usage import usage

CLOSING = ".!?…"
LONGEST_WORD = 40  # characters; longer first words are never compared with names
LONGEST_NAME = 4  # words
UNCLOSED = "A quotation mark is not closed."


def parse(text: str, registry: Registry, names: Names) -> Parsed:
    """Classify one message. Never raises."""
    message = text.strip()
    scope = Scope(registry, names)
    if _is_prefixed(message):
        return _prefixed(message[1:], scope)
    if _has_several_lines(message):
        return PlainText()
    return _bare(message, scope)


def _is_prefixed(message: str) -> bool:
    """`/` or `!` before a letter; a first word with a second slash is a path ("/etc/hosts is broken")."""
    if message[:1] not in ("/", "!") or not message[1:2].isalpha():
        return False
    return message[0] == "!" or "/" not in _first_word(message)[1:]


def _first_word(message: str) -> str:
    return next(iter(message.split(None, 1)), "")


def _has_several_lines(message: str) -> bool:
    return len(message.splitlines()) > 1


# ---------------------------------------------------------------- with a prefix


def _prefixed(message: str, scope: Scope) -> Parsed:
    words = split(message)
    if words and not _has_several_lines(message) and (call := _call(message, words, scope)):
        return call
    commands = _named(words or _naive(message), scope)
    if not commands:
        return _unknown(_first_word(message), scope)
    if _has_several_lines(message):
        return _misuse(commands[0], "A command is one line.")
    if words is None:
        return _spoken(message, replace(scope, names=replace(scope.names, asking=True))) or _misuse(
            commands[0], UNCLOSED
        )
    found = fit(commands[0], _after(commands[0], words), scope)
    return _misuse(commands[0], found.reason if isinstance(found, Misfit) else "")


def _unknown(word: str, scope: Scope) -> Usage:
    close = near(lower(word), scope.registry.names, 2)
    hint = f"Did you mean {code(close[0])}?" if close else "`help` lists what there is."
    return Usage(f"There is no command {code(word)}. {hint} To send it to the agent, put a word in front.")


# ---------------------------------------------------------------- without one


def _bare(message: str, scope: Scope) -> Parsed:
    head = lower(_without_closing(_first_word(message)[:LONGEST_WORD]))
    if not scope.registry.begins(head):
        return _perhaps(message, scope)
    words = split(message)
    if words is None:
        return _spoken(message, scope) or _claimed(message, scope)
    call = _call(message, words, scope)
    if call is not None and not scope.names.asking and call.command.asked and call.command.asked(call.args):
        return PlainText()
    return call or _meant(words, scope) or _perhaps(message, scope)


def _spoken(message: str, scope: Scope) -> CommandCall | None:
    """Words behind a command that takes them as they are need no closed quotation marks ("deny it's too much")."""
    words = _naive(message)
    for command in _named(words, scope) if scope.names.asking else ():
        if command.args and command.args[-1].kind == "rest":
            found = fit(command, _after(command, words), scope)
            return None if isinstance(found, Misfit) else CommandCall(command, found)
    return None


def _meant(words: Sequence[Word], scope: Scope) -> Usage | None:
    for command in _named(words, scope):
        found = fit(command, _after(command, words), scope)
        if isinstance(found, Misfit) and found.meant:
            return _misuse(command, found.reason)
    return None


def _claimed(message: str, scope: Scope) -> Parsed:
    """A quotation mark is not closed (an apostrophe, mostly): text, unless a command claims such messages."""
    claiming = [command for command in _named(_naive(message), scope) if command.claims]
    return _misuse(claiming[0], UNCLOSED) if claiming else PlainText()


def _perhaps(message: str, scope: Scope) -> Ask | PlainText:
    """A lone word of five letters or more, at most one slip from a command's name, is asked about."""
    if len(message) > LONGEST_WORD:
        return PlainText()
    word = lower(_without_closing(message))
    close = near(word, scope.registry.names, 1) if len(word) >= 5 and word.isalpha() else ()
    if not close:
        return PlainText()
    return Ask(f"Did you mean `{close[0]}`? Send that, or say it in a sentence and it goes to the agent.")


# ---------------------------------------------------------------- both


def _call(message: str, words: Sequence[Word], scope: Scope) -> CommandCall | None:
    """The longest-named command that the words fit completely; closing punctuation counts for most of them."""
    emphatic = split(_without_closing(message)) or ()
    readings = [(command, words) for command in _named(words, scope)]
    readings += [(command, emphatic) for command in _named(emphatic, scope) if command.emphatic]
    for command, chosen in readings:
        found = fit(command, _after(command, chosen), scope)
        if not isinstance(found, Misfit):
            return CommandCall(command, command.settles(found, scope.names) if command.settles else found)
    return None


def _named(words: Sequence[Word], scope: Scope) -> tuple[Command, ...]:
    """Commands these words may call; a quoted word is nobody's name."""
    return scope.registry.named_by(["" if word.literal else lower(word.text) for word in words[:LONGEST_NAME]])


def _after(command: Command, words: Sequence[Word]) -> Sequence[Word]:
    return words[len(command.name.split()) :]


def _without_closing(text: str) -> str:
    """White space and closing punctuation, in whatever mixture, off the end."""
    end = len(text)
    while end and (text[end - 1] in CLOSING or text[end - 1].isspace()):
        end -= 1
    return text[:end]


def _naive(message: str) -> tuple[Word, ...]:
    return tuple(Word(text) for text in message.split())


def _misuse(command: Command, reason: str) -> Usage:
    return Usage(f"{reason}\nUsage: `{usage(command)}`. `help {command.name}` explains it.")
