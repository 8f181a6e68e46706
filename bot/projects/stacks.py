"""Stacks: folders of data that say what an image is made of and by which files a project shows that it needs it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from bot.errors import OperatorError
from bot.projects.errors import StackUnknown
from bot.projects.model import Stack

FRAGMENT, MARKERS = "Dockerfile.fragment", "markers"
# Heavy and seldom changed first: what stands further down is rebuilt when something above it changes.
ORDER = ("rust", "jvm", "go", "node", "python", "ruby")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_FROM = re.compile(r"^[ \t]*(?:FROM|#[ \t]*syntax[ \t]*=)", re.IGNORECASE | re.MULTILINE)


class StackBroken(OperatorError):
    """The stack in {path} cannot be used: {reason}."""


def load(*folders: Path) -> dict[str, Stack]:
    """By name, in the order in which they are composed; a later folder's stack replaces an earlier one's.

    Raises StackBroken.
    """
    found: dict[str, Stack] = {}
    for folder in folders:
        for place in sorted(folder.iterdir()) if folder.is_dir() else ():
            if place.is_dir() and not place.name.startswith("."):
                found[place.name] = _read(place)
    return {name: found[name] for name in sorted(found, key=_rank)}


def choose(names: Iterable[str], known: Mapping[str, Stack]) -> tuple[str, ...]:
    """The named stacks in the order of composition. Raises StackUnknown."""
    wanted = set(names)
    for name in sorted(wanted - set(known)):
        raise StackUnknown(name=name[:40], known=", ".join(known))
    return tuple(name for name in known if name in wanted)


def detect(paths: Iterable[str], known: Mapping[str, Stack]) -> tuple[str, ...]:
    """The stacks whose markers lie at the root of a project; where there are none, one level down.

    `paths`: of the project's files, relative, with slashes; deeper ones are not looked at.
    """
    files = [PurePosixPath(path) for path in paths]
    for depth in (1, 2):
        names = {path.name for path in files if len(path.parts) == depth and not _is_foreign(path)}
        found = tuple(stack.name for stack in known.values() if names.intersection(stack.markers))
        if found:
            return found
    return ()


def _is_foreign(path: PurePosixPath) -> bool:
    return len(path.parts) > 1 and (path.parts[0].startswith(".") or path.parts[0] in ("node_modules", "vendor"))


def _rank(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def _read(place: Path) -> Stack:
    if not _NAME.fullmatch(place.name):
        raise StackBroken(path=place, reason="its name is not made of a to z, 0 to 9, - and _")
    try:
        fragment = (place / FRAGMENT).read_text(encoding="utf-8")
        markers = (place / MARKERS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise StackBroken(path=place, reason=str(exc)) from exc
    if _FROM.search(fragment):
        raise StackBroken(path=place, reason=f"its {FRAGMENT} has a FROM or a syntax line; the base comes before it")
    return Stack(place.name, fragment, tuple(_lines(markers)))


def _lines(text: str) -> Sequence[str]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]
