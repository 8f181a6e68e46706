"""A project's devcontainer.json: the few things of it that are safe, and warnings about the rest. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SAFE = frozenset({"name", "forwardPorts", "remoteEnv", "postCreateCommand", "$schema", "customizations", "remoteUser"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")
# Strings first, so that what looks like a comment inside one stays. One without an end goes to the end of the text:
# were it to fail instead, each quote in it would be tried anew, and a stranger's file would take minutes.
_STRING = r'"(?:\\.|[^"\\])*(?:"|\\?\Z)'
_COMMENT = re.compile(_STRING + r"|//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_TRAILING_COMMA = re.compile(f"({_STRING})" + r"|,(?=\s*[}\]])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DevContainer:
    name: str = ""
    forwards: tuple[int, ...] = ()
    env: Mapping[str, str] = ()  # type: ignore[assignment]
    command: str = ""  # postCreateCommand, to be run inside
    warnings: tuple[str, ...] = ()


NONE = DevContainer(env={})


def read(text: str) -> DevContainer:
    """Total: whatever the file holds, something comes of it."""
    try:
        found = json.loads(_plain(text))
    except (ValueError, RecursionError):
        return DevContainer(env={}, warnings=("devcontainer.json cannot be read; it is ignored.",))
    if not isinstance(found, dict):
        return DevContainer(env={}, warnings=("devcontainer.json holds no object; it is ignored.",))
    ignored = sorted([*(_shown(key, 40) for key in found if key not in SAFE), *_lost(found)])
    shown = ", ".join(f"`{key}`" for key in ignored[:8]) + (" …" if len(ignored) > 8 else "")
    warnings = (f"Of devcontainer.json these are ignored: {shown}.",) if ignored else ()
    return DevContainer(
        name=_shown(found["name"], 80) if isinstance(found.get("name"), str) else "",
        forwards=_ports(found.get("forwardPorts")),
        env=_env(found.get("remoteEnv")),
        command=_command(found.get("postCreateCommand")),
        warnings=warnings,
    )


def _lost(found: Mapping[str, Any]) -> Iterator[str]:
    """What is read of, but not whole: another container's port, an editor's variable, several commands at once."""
    ports, env, command = (found.get(key) for key in ("forwardPorts", "remoteEnv", "postCreateCommand"))
    kept = _ports(ports)
    if ports and not (isinstance(ports, list) and all(port in kept for port in ports)):
        yield "forwardPorts (in part)"
    if env and not (isinstance(env, dict) and len(_env(env)) == len(env)):
        yield "remoteEnv (in part)"
    if command and not _command(command):
        yield "postCreateCommand (its form)"


def _shown(text: str, most: int) -> str:
    """A stranger's words are to stay one piece of one line in a chat; half a surrogate pair could not even be sent."""
    return "".join(char for char in text if char.isprintable() and char != "`")[:most]


def _plain(text: str) -> str:
    """JSON with comments and trailing commas as plain JSON."""
    if text.count("[") + text.count("{") > 100_000:
        raise ValueError("too many brackets")
    text = _COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
    return _TRAILING_COMMA.sub(lambda found: found[1] or "", text)


def _ports(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    found = [each for each in value[:50] if isinstance(each, int) and not isinstance(each, bool)]
    return tuple(dict.fromkeys(port for port in found if 0 < port < 65536))


def _env(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        return {}
    pairs = {key: each for key, each in list(value.items())[:100] if isinstance(key, str) and isinstance(each, str)}
    return {
        key: each
        for key, each in pairs.items()
        if _VARIABLE.fullmatch(key) and "${" not in each and len(each) < 4096 and each.isprintable()
    }


def _command(value: Any) -> str:
    """Of the three forms the shell's one; a list is words, an object would be several at once."""
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        value = shlex.join(value)
    if not isinstance(value, str) or len(value) >= 4096 or re.search("[\0\ud800-\udfff]", value):
        return ""  # no program can be given those characters
    return value
