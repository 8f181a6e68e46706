"""The ssh configuration that lets `ssh tug-<name>` and every editor in. Pure, but for `write` and `setup`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.projects.keys import KeyDirectory, put
from bot.projects.model import USER, WORKSPACE

PREFIX = "tug-"
BEGIN = "# Made by Tugbot; changes are lost.\n"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a project from this machine. Never the private key, only where it lies."""

    host: str  # the name for ssh and editors
    block: str  # of the ssh configuration
    links: tuple[tuple[str, str], ...]  # editor and what to open
    include: str  # the line that makes ssh know the block; "": it is there already


def host(name: str) -> str:
    return f"{PREFIX}{name}"


def block(name: str, port: int, keys: KeyDirectory, forwards: Sequence[int] = ()) -> str:
    """One `Host` of ssh_config(5)."""
    lines = [
        "HostName 127.0.0.1",
        f"Port {port}",
        f"User {USER}",
        f"IdentityFile {_quoted(keys.client)}",
        "IdentitiesOnly yes",
        f"UserKnownHostsFile {_quoted(keys.known_hosts)}",
        "StrictHostKeyChecking yes",
        "HostKeyAlgorithms ssh-ed25519",
        "PasswordAuthentication no",
        "ForwardAgent no",
        *(f"LocalForward 127.0.0.1:{port} 127.0.0.1:{port}" for port in forwards),
    ]
    return f"Host {host(name)}\n" + "".join(f"    {line}\n" for line in lines)


def whole(blocks: Iterable[str]) -> str:
    return "\n".join((BEGIN, *blocks))


def write(path: Path, blocks: Iterable[str]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    put(path, whole(blocks).encode(), 0o600)


def has_projects(generated: Path) -> bool:
    """Whether what `write` wrote names any."""
    try:
        return f"Host {PREFIX}" in generated.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def editor_links(name: str) -> tuple[tuple[str, str], ...]:
    """Editor and what to open, for those that have an address of that kind."""
    return (
        ("VS Code", f"vscode://vscode-remote/ssh-remote+{host(name)}{WORKSPACE}"),
        ("Zed", f"zed://ssh/{host(name)}{WORKSPACE}"),
        ("JetBrains", f"jetbrains-gateway://connect#type=ssh&host={host(name)}&projectPath={WORKSPACE}"),
    )


def include_line(path: Path) -> str:
    return f"Include {_quoted(path)}"


def setup(config: Path, generated: Path) -> bool:
    """Put the Include line at the front of a user's ssh configuration. False: it is there already.

    At the front, because an Include behind a `Host` block belongs to that block alone.
    """
    if is_set_up(config, generated):
        return False
    line = f"{include_line(generated)}\n".encode()
    before = config.read_bytes() if config.exists() else b""  # in whatever encoding, with whatever line ends
    config.parent.mkdir(mode=0o700, exist_ok=True)
    target = config.resolve()  # it may be a link into somebody's dotfiles
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    put(target, line + b"\n" + before if before else line, mode)
    return True


def is_set_up(config: Path, generated: Path) -> bool:
    """Whether a user's ssh configuration includes ours."""
    try:
        lines = config.read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any(each.strip() == include_line(generated) for each in lines)


def _quoted(path: Path) -> str:
    """ssh_config(5) takes arguments in double quotes; a percent sign starts a token."""
    text = str(path).replace("%", "%%")
    return f'"{text}"' if any(char in text for char in " \t#'") else text
