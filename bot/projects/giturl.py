"""Git URLs from chat: a parser of our own, because git's executes some of what it is given. Pure.

What git does with hostile ones: facts/containers.md, section 7.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from bot.projects.errors import UrlInvalid

LONGEST = 1000  # characters
ALWAYS = ("https", "ssh")
EXTRA = ("http", "file")  # what [projects] allow_git_protocols can add

_HOST = re.compile(r"(?!-)[A-Za-z0-9.-]{1,253}(?<!-)|\[[0-9A-Fa-f:.]{2,45}\]", re.ASCII)
_IPV6 = re.compile(r"\[[0-9A-Fa-f:.]*\]", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}", re.ASCII)
_SCP = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[^\]/]*\]|[^:/\[\]@]+):(?P<path>(?!//).*)", re.ASCII | re.DOTALL)
_BRANCH = re.compile(
    r"(?![-./])(?!.*(?:\.\.|//|@\{|\.lock(?:/|\Z)|[/.]\Z|/\.))[^\x00-\x20\x7f~^:?*\[\\]{1,200}", re.DOTALL
)
_CREDENTIALS = "it holds credentials; leave them out, `tugbot secrets set` in a terminal takes them"


@dataclass(frozen=True, slots=True)
class GitUrl:
    scheme: str  # https | ssh | http | file
    host: str  # "" for file
    path: str  # as git wants it, with the leading slash where the form has one
    user: str = ""
    port: int | None = None
    scp: bool = False  # user@host:path, whose path counts from the login's home

    def __str__(self) -> str:
        if self.scp:
            return f"{self._at()}{self.host}:{self.path}"
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{self._at()}{self.host}{port}{self.path}"

    def _at(self) -> str:
        return f"{self.user}@" if self.user else ""


def parse(text: str, allowed: Collection[str] = ALWAYS) -> GitUrl:
    """Raises UrlInvalid, whose words repeat nothing that may be a password."""
    if not text or len(text) > LONGEST:
        raise UrlInvalid(reason="it is empty" if not text else f"it is longer than {LONGEST} characters")
    if any(ord(char) <= 0x20 or ord(char) == 0x7F or not char.isprintable() for char in text):
        raise UrlInvalid(reason="it holds a space or a control character")
    if "[secret]" in text:  # bot.redact was here first
        raise UrlInvalid(reason=_CREDENTIALS)
    if text.startswith("-"):
        raise UrlInvalid(reason="it starts with `-`")
    if "::" in _IPV6.sub("", text.partition("/")[0]):
        raise UrlInvalid(reason="transport helpers (`name::address`) run programs")
    url = _with_scheme(text) if "://" in text else _scp(text)
    if url.scheme not in allowed:
        raise UrlInvalid(reason=_scheme_refused(url.scheme))
    if url.scheme == "file" and (url.host or not url.path.startswith("/")):
        raise UrlInvalid(reason="a file's address is file:///path, without a host")
    if url.scheme != "file" and not _HOST.fullmatch(url.host):
        raise UrlInvalid(reason="its host name is not one")
    if not url.path.strip("/") or ".." in url.path.split("/") or ".." in unquote(url.path).split("/"):
        raise UrlInvalid(reason="it names no repository" if not url.path.strip("/") else "its path holds `..`")
    if url.path.startswith("-") or any(part.startswith("-") for part in url.path.split("/")[:1]):
        raise UrlInvalid(reason="its path starts with `-`")
    return url


def check_branch(name: str) -> str:
    """A branch or tag as git-check-ref-format(1) has it. Raises UrlInvalid."""
    if not _BRANCH.fullmatch(name) or not name.isprintable():
        raise UrlInvalid(reason="the branch's name is not one that git takes")
    return name


def _with_scheme(text: str) -> GitUrl:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UrlInvalid(reason="it cannot be read") from None
    scheme = parts.scheme.lower()
    if parts.password is not None or (parts.username and scheme != "ssh"):
        raise UrlInvalid(reason=_CREDENTIALS)
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise UrlInvalid(reason="it has a `?` or `#`, which no repository's address needs")
    if parts.username and not _USER.fullmatch(parts.username):
        raise UrlInvalid(reason="its user name is not one")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    if "%" in parts.netloc:
        raise UrlInvalid(reason="its host name is not one")
    return GitUrl(scheme, host, parts.path, parts.username or "", port)


def _scp(text: str) -> GitUrl:
    found = _SCP.fullmatch(text)
    if found is None:
        raise UrlInvalid(reason="it has neither a scheme nor the form user@host:path")
    user, host, path = found["user"] or "", found["host"], found["path"]
    if user and not _USER.fullmatch(user):
        raise UrlInvalid(reason="its user name is not one")
    return GitUrl("ssh", host, path, user, scp=True)


def _scheme_refused(scheme: str) -> str:
    if scheme in EXTRA:
        return f"`{scheme}` is not allowed here ([projects] allow_git_protocols can add it)"
    return "only https and ssh are understood"
