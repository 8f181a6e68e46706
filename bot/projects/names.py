"""Names of projects. Pure."""

from __future__ import annotations

import re
from collections.abc import Container

from bot.projects.errors import NameInvalid

NAME = re.compile(r"[a-z][a-z0-9-]{0,38}", re.ASCII)
RESERVED = frozenset({"none", "all"})  # words of `use` and `stop`
LONGEST = 39


def check(name: str) -> str:
    """Raises NameInvalid."""
    if not NAME.fullmatch(name):
        raise NameInvalid(name=_shown(name), more="")
    if name in RESERVED:
        raise NameInvalid(name=name, more=f"; `{name}` means something else in commands")
    return name


def derived(path: str, taken: Container[str]) -> str:
    """A name made of a repository's path or address (also host:path), unlike every one in `taken`."""
    last = re.split("[/:]", path.rstrip("/"))[-1].removesuffix(".git")
    slug = re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")
    slug = slug if slug[:1].isalpha() else f"project-{slug}".rstrip("-")
    slug = slug[:LONGEST].rstrip("-")
    return _unlike(slug, taken)


def _unlike(name: str, taken: Container[str]) -> str:
    number, candidate = 1, name
    while candidate in taken or candidate in RESERVED:
        number += 1
        suffix = f"-{number}"
        candidate = name[: LONGEST - len(suffix)].rstrip("-") + suffix
    return candidate


def _shown(name: str) -> str:
    """As much of it as helps: it may be anything."""
    clean = "".join(char if char.isprintable() and char != "`" else "�" for char in name)
    return clean if len(clean) <= 60 else clean[:59] + "…"
