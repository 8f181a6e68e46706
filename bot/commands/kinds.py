"""Reading one argument by its kind. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bot.commands import codes
from bot.commands.model import Arg, Kind, Names, Option
from bot.commands.phrases import code, listed
from bot.commands.registry import Registry
from bot.commands.spelling import near

TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):[0-5]\d", re.ASCII)
_DECIMAL = re.compile(r"\d{1,4}(\.\d{1,3})?", re.ASCII)
_USER_ID = re.compile(r"(<@)?[UW][A-Z0-9]{5,20}((?(1)(\|[^>]*)?>))\Z", re.ASCII)  # of Slack, bare or as a mention
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([mMgG])(?:[iI]?[bB])?", re.ASCII)
LONGEST_REST = 500  # characters
LONGEST_USER = 300  # characters; Matrix allows 255 for an id
LONGEST_NUMBER = 10  # digits: every id that will ever be given out, and far from int()'s own limit


@dataclass(frozen=True, slots=True)
class Scope:
    """What arguments can refer to."""

    registry: Registry
    names: Names


class Mismatch(Exception):
    """Why words do not fit, to be read by a person. `almost`: so near a known name that it is hardly a sentence."""

    def __init__(self, reason: str, almost: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.almost = almost


Reader: TypeAlias = Callable[[str, Arg | Option, Scope], object]


def read(word: str, wanted: Arg | Option, scope: Scope) -> object:
    """The value of `word`. Raises Mismatch."""
    if (plain := lower(word)) in wanted.choices:
        return plain
    return READERS[wanted.kind](word, wanted, scope)


def lower(word: str) -> str:
    """Small letters for ASCII words alone: `ſtop` and the Kelvin sign are not letters of ours."""
    return word.lower() if word.isascii() else word


def _number(word: str, wanted: Arg | Option, scope: Scope) -> object:
    if word.isascii() and word.isdigit() and len(word) <= LONGEST_NUMBER:
        return int(word)
    what = "the number of a run" if wanted.kind == "run" else "a number"
    also = f" or {listed(tuple(f'`{choice}`' for choice in wanted.choices), 'or')}" if wanted.choices else ""
    raise Mismatch(f"{code(word)} is not {what}{also}.")


def _choice(word: str, wanted: Arg | Option, scope: Scope) -> object:
    options = listed(tuple(f"`{choice}`" for choice in wanted.choices), "or")
    raise Mismatch(f"{code(word)} is not {options}.", bool(near(lower(word), wanted.choices, 2)))


def _word(word: str, wanted: Arg | Option, scope: Scope) -> object:
    if not word:
        raise Mismatch("An empty word is no name.")
    return word


def _command(word: str, wanted: Arg | Option, scope: Scope) -> object:
    plain = lower(word)
    if scope.registry.find(plain):
        return plain
    close = near(plain, scope.registry.names, 1) if len(plain) >= 5 else ()
    hint = f"Did you mean {code(close[0])}?" if close else "`help` lists them all."
    raise Mismatch(f"There is no command {code(word)}. {hint}", bool(close))


def _agent(word: str, wanted: Arg | Option, scope: Scope) -> object:
    known = scope.names.agents
    for name in known:
        if name == word or lower(name) == lower(word):
            return name
    there_are = f"there are {listed(tuple(code(name) for name in known))}" if known else "none is configured"
    close = near(lower(word), [lower(name) for name in known], 2)
    raise Mismatch(f"No agent {code(word)}; {there_are}.", bool(close))


def _project(word: str, wanted: Arg | Option, scope: Scope) -> object:
    known = scope.names.projects
    if (name := lower(word)) in known:
        return name
    close = near(name, known, 2) if len(name) >= 4 else ()
    hint = f" Did you mean {code(close[0])}?" if close else " `projects` lists them." if known else ""
    raise Mismatch(f"There is no project {code(word)}.{hint}", bool(close))


def _work(word: str, wanted: Arg | Option, scope: Scope) -> object:
    return _number(word, wanted, scope) if word[:1].isdigit() else _project(word, wanted, scope)


def _decimal(word: str, wanted: Arg | Option, scope: Scope) -> object:
    if _DECIMAL.fullmatch(word):
        return float(word)
    raise Mismatch(f"{code(word)} is no number.")


def _size(word: str, wanted: Arg | Option, scope: Scope) -> object:
    found = _SIZE.fullmatch(word)
    if found is None:
        raise Mismatch(f"{code(word)} is no size: `512m`, or `4g`.")
    return int(float(found[1]) * (1 << {"m": 20, "g": 30}[found[2].lower()]))


def _flag(word: str, wanted: Arg | Option, scope: Scope) -> object:
    raise Mismatch(f"`--{wanted.name}` takes no value.")


def _moment(word: str, wanted: Arg | Option, scope: Scope) -> object:
    plain = lower(word)
    if plain in ("at", "reset") or TIME_OF_DAY.fullmatch(plain):
        return plain
    raise Mismatch(f"{code(word)} is no time: `at reset`, or `at 14:05`.")


def _path(word: str, wanted: Arg | Option, scope: Scope) -> object:
    # "send it" is a sentence; "send report.pdf" and "send ./Makefile" name files.
    if "/" in word or "." in word.rstrip("."):
        return word
    raise Mismatch(f"{code(word)} is no path: write {code('./' + word)}.")


def _pairing_code(word: str, wanted: Arg | Option, scope: Scope) -> object:
    if (found := codes.read(word)) is None:
        raise Mismatch(f"{code(word)} is no code: it has {codes.LENGTH} letters and digits.")
    return found


def _person(word: str, wanted: Arg | Option, scope: Scope) -> object:
    """Only what looks like a code or an id: "revoke access" is a sentence."""
    if codes.read(word) or _USER_ID.match(word) or (":" in word.strip(":") and len(word) <= LONGEST_USER):
        return word
    raise Mismatch(f"{code(word)} is nobody: a code, `@name:server`, or `slack:U123` name people.")


def _rest(word: str, wanted: Arg | Option, scope: Scope) -> object:
    return word[:LONGEST_REST]


READERS: Mapping[Kind, Reader] = {
    "run": _number,
    "count": _number,
    "choice": _choice,
    "word": _word,
    "command": _command,
    "agent": _agent,
    "project": _project,
    "work": _work,
    "number": _decimal,
    "size": _size,
    "flag": _flag,
    "moment": _moment,
    "code": _pairing_code,
    "person": _person,
    "path": _path,
    "rest": _rest,
}


def known(wanted: Arg | Option, scope: Scope) -> Iterable[str]:
    """Words that would be understood and can be listed: for completion."""
    if wanted.kind == "command":
        return (*wanted.choices, *scope.registry.names)
    if wanted.kind == "agent":
        return (*wanted.choices, *scope.names.agents)
    if wanted.kind in ("project", "work"):
        return (*wanted.choices, *scope.names.projects)
    return wanted.choices
