"""Secrets at rest: `<data>/secrets/<scope>.json`, 0600. They never come through a chat or an argument.

A scope is an agent's name, or "bot" for secrets that any agent may ask for in its `env`; "project." and a project's
name; "hook." and a hook's.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot import hidden
from bot.errors import UserError

BOT = "bot"
MAX_BYTES = 64_000  # of one value; the kernel limits one environment string to 128 kB
_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,127}", re.ASCII)
# An agent's name, or "project." and a project's, or "hook." and a hook's.
_SCOPE = re.compile(r"(hook\.)?[a-z][a-z0-9_-]{0,31}|project\.[a-z][a-z0-9-]{0,38}", re.ASCII)


class SecretNameInvalid(UserError):
    """That is not a name for a secret: use A to Z, 0 to 9 and _, not starting with a digit, for example MY_AGENT_KEY."""  # noqa: E501


class SecretScopeInvalid(UserError):
    """That is not the name of an agent: use a to z, 0 to 9, - and _, starting with a letter. Leave it out for a secret of the bot."""  # noqa: E501


class SecretValueInvalid(UserError):
    """The value of {name} was not stored: {reason}."""


class SecretMissing(UserError):
    """There is no secret {name} for {scope}. `tugbot secrets list` shows the names there are."""


class SecretsUnreadable(UserError):
    """The secrets in {path} cannot be used: {reason}. {fix}"""


def project_scope(name: str) -> str:
    return f"project.{name}"


def hook_scope(name: str) -> str:
    return f"hook.{name}"


def check_name(name: str) -> str:
    """Raises SecretNameInvalid, which does not repeat the name: it may be the value, typed in the wrong place."""
    if not _NAME.fullmatch(name):
        raise SecretNameInvalid
    return name


def check_scope(scope: str) -> str:
    if not _SCOPE.fullmatch(scope):
        raise SecretScopeInvalid
    return scope


def check_value(name: str, value: str) -> str:
    """Raises SecretValueInvalid for what no environment variable can hold."""
    if not value:
        raise SecretValueInvalid(name=name, reason="it is empty")
    if "\0" in value:
        raise SecretValueInvalid(name=name, reason="it contains a NUL character")
    if len(value.encode(errors="surrogateescape")) > MAX_BYTES:
        raise SecretValueInvalid(name=name, reason=f"it is longer than {MAX_BYTES} bytes")
    return value


class Secrets:
    """The secrets below one data directory. Every change is one atomic replacement of a file."""

    def __init__(self, data: Path) -> None:
        self._root = data / "secrets"

    def set(self, scope: str, name: str, value: str) -> None:
        check_value(check_name(name), value)
        hidden.note((value,))
        with self._changing(scope) as values:
            values[name] = value

    def unset(self, scope: str, name: str) -> None:
        """Raises SecretMissing."""
        check_name(name)
        with self._changing(scope) as values:
            if name not in values:
                raise SecretMissing(name=name, scope=scope)
            del values[name]

    def forget(self, scope: str) -> None:
        """All of a scope."""
        self._path(scope).unlink(missing_ok=True)

    def names(self) -> dict[str, tuple[str, ...]]:
        """Scope → names, both in order; scopes without secrets are left out."""
        found = {path.stem: tuple(sorted(self.read(path.stem))) for path in sorted(self._root.glob("*.json"))}
        return {scope: names for scope, names in found.items() if names}

    def for_agent(self, agent: str) -> Mapping[str, str]:
        """What an agent may be given by the names in its `env`: the bot's secrets, then its own over them."""
        return {**self.read(BOT), **self.read(agent)}

    def read(self, scope: str) -> dict[str, str]:
        """Name → value; empty if there is no file. Raises SecretsUnreadable."""
        path = self._path(scope)
        try:
            with path.open(encoding="utf-8") as file:
                _check_private(path, os.fstat(file.fileno()))
                values = _parsed(path, file.read())
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise SecretsUnreadable(path=path, reason=exc.strerror, fix="Make the file readable for you.") from exc
        hidden.note(values.values())
        return values

    def _path(self, scope: str) -> Path:
        return self._root / f"{check_scope(scope)}.json"

    @contextmanager
    def _changing(self, scope: str) -> Iterator[dict[str, str]]:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self._root / "lock", "a", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two `secrets set` at once must not lose one of the two
            values = self.read(scope)
            yield values
            _replace(self._path(scope), values)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _check_private(path: Path, info: os.stat_result) -> None:
    mode = stat.S_IMODE(info.st_mode)
    if mode & 0o077:
        raise SecretsUnreadable(
            path=path, reason=f"other users can read them (mode {mode:04o})", fix=f"Run: chmod 600 '{path}'"
        )


def _parsed(path: Path, text: str) -> dict[str, str]:
    fix = "Delete the file and set its secrets again with `tugbot secrets set`."
    try:
        values: object = json.loads(text)
    except ValueError:
        # "from None": a JSON error's context may show the secrets
        raise SecretsUnreadable(path=path, reason="the file is damaged", fix=fix) from None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise SecretsUnreadable(path=path, reason="the file holds something else", fix=fix)
    return values


def _replace(path: Path, values: Mapping[str, str]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # made 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(dict(sorted(values.items())), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
