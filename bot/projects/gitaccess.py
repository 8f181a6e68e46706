"""The login of a project for its repository: one directory, mounted read-only where git reaches out."""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bot.errors import UserError
from bot.projects.giturl import GitUrl
from bot.projects.hardening import GIT
from bot.projects.keys import DEPLOY, KeyDirectory, own, put
from bot.projects.model import Owner

TOKEN, KEY = "GIT_TOKEN", "GIT_SSH_KEY"  # names of a project's secrets
# The key of the secret has a file of its own: beside the deploy key's name lies a `.pub`, which ssh would believe first
# (authfile.c, sshkey_load_public), and without the secret the deploy key has to be there again.
NAMED = "named_key"

_CONFIG = f"""[core]
\tsshCommand = ssh -F {GIT}/ssh_config
\taskPass = /usr/local/lib/tugbot/askpass
[credential]
\thelper =
"""
_SSH = f"""Host *
    IdentityFile {GIT}/%s
    IdentitiesOnly yes
    UserKnownHostsFile {GIT}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout 15
"""


class HostUnknown(UserError):
    """The host key of {host} is not known here. On the bot's machine: `{command} >> ~/.ssh/known_hosts`, compare its fingerprint with the one that {host} publishes, then `retry`."""  # noqa: E501


class KeyUnusable(UserError):
    """The secret GIT_SSH_KEY of project {name} is no private key, and no path of a readable one: {reason}."""


def prepare(
    keys: KeyDirectory, url: GitUrl, owner: Owner, secrets: Mapping[str, str], known_hosts: Sequence[Path], name: str
) -> Path:
    """Write what git needs for `url`, anew each time: secrets and host keys may have changed.

    Raises HostUnknown, KeyUnusable.
    """
    deploy = keys.write_deploy(owner)
    directory = keys.git
    put(directory / "config", _CONFIG.encode(), 0o644, owner)
    put(directory / "deploy.pub", f"{deploy}\n".encode(), 0o644, owner)
    named = url.scheme == "ssh" and KEY in secrets
    if named:
        put(directory / NAMED, _key(secrets[KEY], name), 0o400, owner)
    put(directory / "ssh_config", (_SSH % (NAMED if named else DEPLOY)).encode(), 0o644, owner)
    if not named:
        (directory / NAMED).unlink(missing_ok=True)
    if url.scheme == "ssh":
        _pin(directory, url, known_hosts, owner)
    else:
        _hand_over(directory, url, secrets.get(TOKEN, ""), owner)
    own(directory, owner)
    return directory


def _pin(directory: Path, url: GitUrl, known_hosts: Sequence[Path], owner: Owner) -> None:
    lines = host_lines(url, known_hosts)
    if not lines:
        port = f"-p {url.port} " if url.port else ""
        raise HostUnknown(host=url.host, command=f"ssh-keyscan {port}{url.host.strip('[]')}")
    put(directory / "known_hosts", "".join(f"{line}\n" for line in lines).encode(), 0o644, owner)


def _hand_over(directory: Path, url: GitUrl, token: str, owner: Owner) -> None:
    """The token, empty where there is none, and the one host that is to be told it (docker/base/lib/askpass)."""
    host = url.host if url.port is None else f"{url.host}:{url.port}"
    put(directory / "host", f"{host}\n".encode(), 0o644, owner)
    put(directory / "token", f"{token}\n".encode(), 0o400, owner)


def forget(keys: KeyDirectory) -> None:
    shutil.rmtree(keys.root, ignore_errors=False) if keys.root.exists() else None


def host_lines(url: GitUrl, files: Iterable[Path]) -> list[str]:
    """The lines about the URL's host, with its name as git will call it."""
    bare = url.host.strip("[]").lower()  # as ssh looks it up
    name = f"[{bare}]:{url.port}" if url.port and url.port != 22 else bare
    found: list[str] = []
    revoked: set[str] = set()  # keys that somebody marked as stolen: never to be met with again
    for path in files:
        try:
            lines = path.expanduser().read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if len(words) >= 4 and words[0] == "@revoked":  # for whichever host: the stricter reading
                revoked.add(words[3])
            if len(words) >= 3 and not words[0].startswith(("#", "@")) and _names(words[0], name):
                found.append(f"{name} {words[1]} {words[2]}")
    return [line for line in dict.fromkeys(found) if line.split()[2] not in revoked]


def _names(pattern: str, name: str) -> bool:
    """sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: a list, or one hashed name. Wildcards pin nothing and are passed over."""
    if not pattern.startswith("|1|"):
        return name in pattern.lower().split(",")
    try:
        _, _, salt, digest = pattern.split("|")
        computed = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
        return hmac.compare_digest(computed, base64.b64decode(digest))
    except ValueError:
        return False


def _key(value: str, name: str) -> bytes:
    if "PRIVATE KEY-----" in value:
        return value.strip().encode() + b"\n"
    try:
        content = Path(value.strip()).expanduser().read_bytes()
    except (OSError, ValueError, RuntimeError) as exc:  # the last: ~ of nobody
        raise KeyUnusable(name=name, reason=getattr(exc, "strerror", None) or "it is no path") from exc
    if b"PRIVATE KEY-----" not in content:
        raise KeyUnusable(name=name, reason="the file holds something else")
    return content
