"""Where settings come from: a TOML file and TUGBOT_ variables. Values in, values out, but for reading the file."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.settings.errors import ConfigBroken, ConfigMissing, ConfigUnreadable

PREFIX = "TUGBOT_"
# Set by Tugbot for the agents it starts. A bot started inside such a run must not take them for settings.
FOR_AGENTS = frozenset({"TUGBOT_RUN", "TUGBOT_SESSION", "TUGBOT_PROJECT", "TUGBOT_AGENT"})
# Secrets are no settings: they are in no file of settings, and no message repeats them. `bot/networks/` and
# `bot/forges.py` read them.
TOKENS = ("TUGBOT_MATRIX_TOKEN", "TUGBOT_SLACK_", "TUGBOT_HOOK_SECRET_")  # and what begins so: one for each account, …

Tree = dict[str, object]


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A parsed settings file; `text` is kept to find the line that a message is about."""

    name: str
    text: str
    tree: Tree


def read_toml(path: Path) -> TomlFile:
    """Raises ConfigMissing, ConfigUnreadable, ConfigBroken."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as exc:
        raise ConfigMissing(file=path) from exc
    except UnicodeDecodeError as exc:
        raise ConfigUnreadable(file=path, reason=f"it is not UTF-8 text (byte {exc.start})") from exc
    except OSError as exc:
        raise ConfigUnreadable(file=path, reason=exc.strerror or str(exc)) from exc
    return parse_toml(text, str(path))


def parse_toml(text: str, name: str) -> TomlFile:
    try:
        return TomlFile(name, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as exc:
        reason, line, column = _position(str(exc), text)
        raise ConfigBroken(file=name, line=line, column=column, reason=reason) from exc


def _position(message: str, text: str) -> tuple[str, int, int]:
    # tomllib says "… (at line 3, column 7)" or "… (at end of document)"; attributes for it came with Python 3.14
    match = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    if match:
        return match[1], int(match[2]), int(match[3])
    lines = text.split("\n")
    return message.removesuffix(" (at end of document)") + " at the end of the file", len(lines), len(lines[-1]) + 1


def read_environment(environ: Mapping[str, str]) -> Tree:
    """TUGBOT_A__B=value as {"a": {"b": value}}. Lists and tables are written as JSON, all else is taken as text."""
    tree: Tree = {}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in FOR_AGENTS and not name.startswith(TOKENS):
            _put(tree, name.removeprefix(PREFIX).lower().split("__"), _value(environ[name]))
    return tree


def _value(text: str) -> object:
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        value: object = json.loads(text)
    except ValueError:
        return text  # the check of the setting's type names the variable and what was expected
    return value


def _put(tree: Tree, keys: Sequence[str], value: object) -> None:
    for key in keys[:-1]:
        inner = tree.get(key)
        if not isinstance(inner, dict):
            inner = tree[key] = {}
        tree = inner
    tree[keys[-1]] = value


def variable(keys: Sequence[str]) -> str:
    """The environment variable that sets a key: ("dispatcher", "window") → TUGBOT_DISPATCHER__WINDOW."""
    return PREFIX + "__".join(keys).upper()


def variable_of(keys: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """The variable in `environ` that a key, or a table above it, came from."""
    wanted = {variable(keys[:length]).upper() for length in range(1, len(keys) + 1)}
    return next((name for name in sorted(environ) if name.startswith(PREFIX) and name.upper() in wanted), None)


def line_of(keys: Sequence[str], text: str) -> int | None:
    """The line (from 1) where a key, or else the table it belongs to, is written in TOML; None if not found."""
    table: tuple[str, ...] = ()
    header: int | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if match := re.match(r"\s*\[\[?([^\[\]]+)\]", line):
            table = _names(match[1])
            if table == tuple(keys[: len(table)]):
                header = number
        elif (match := re.match(r"\s*([\w.\"' -]+?)\s*=", line)) and _leads_to((*table, *_names(match[1])), keys):
            return number
    return header


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _leads_to(path: tuple[str, ...], keys: Sequence[str]) -> bool:
    return path == tuple(keys[: len(path)])
