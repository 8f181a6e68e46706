"""Where the source of a project lies, and the directory made for it: never one that was there before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bot.projects.errors import PathRefused
from bot.projects.keys import own
from bot.projects.model import Owner, Project


def owner_of(root: Path) -> Owner:
    """Whose numbers a project's files get: those of the root's owner, 1000 where that is root; ours if we are not."""
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid())
    found = root.stat() if root.exists() else None
    return Owner(found.st_uid, found.st_gid) if found is not None and found.st_uid != 0 else Owner(1000, 1000)


def check(wanted: Path, roots: Sequence[Path], data: Path) -> Path:
    """The path with all links followed, if a project may be made there. Raises PathRefused."""
    expanded = wanted.expanduser()
    if not expanded.is_absolute():
        raise PathRefused(path=wanted, reason="it is not absolute (it begins with neither `/` nor `~`)")
    if os.path.lexists(expanded):
        raise PathRefused(path=wanted, reason="it exists already, and what exists is never touched")
    place = expanded.parent.resolve() / expanded.name
    if expanded.name in ("", ".", ".."):
        raise PathRefused(path=wanted, reason="it names no directory")
    allowed = [root.expanduser().resolve() for root in roots]
    if not any(place != root and place.is_relative_to(root) for root in allowed):
        where = " or ".join(f"`{root}`" for root in allowed)
        raise PathRefused(path=wanted, reason=f"it is not below {where} ([projects] allowed_roots)")
    if place.is_relative_to(data.resolve()):
        raise PathRefused(path=wanted, reason="it lies in the bot's own data directory")
    if not place.parent.is_dir() and place.parent not in allowed:
        raise PathRefused(path=wanted, reason=f"`{place.parent}` does not exist")
    return place


def make(path: Path, owner: Owner) -> str:
    """Make the directory; what tells it from any other of that name. Raises PathRefused where it is there already."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)  # the owner of the sources has to get there, whatever our umask says
    try:
        path.mkdir(mode=0o755)
    except FileExistsError:
        raise PathRefused(path=path, reason="it exists already, and what exists is never touched") from None
    except OSError as exc:
        raise PathRefused(path=path, reason=f"it cannot be made ({exc.strerror})") from exc
    path.chmod(0o755)  # whatever the umask says
    own(path, owner)
    return mark_of(path)


def mark_of(path: Path) -> str:
    """Device and inode; "" where there is nothing, or no directory."""
    try:
        found = path.lstat()
    except OSError:
        return ""
    return f"{found.st_dev}:{found.st_ino}" if path.is_dir() and not path.is_symlink() else ""


def remove(project: Project) -> bool:
    """Remove the directory if it is the one that was made for the project. False: it was left alone, or is not there.

    One that a crash left unrecorded is empty; an empty directory at the reserved place loses nobody anything.
    """
    path = project.source
    if project.source_mark and mark_of(path) == project.source_mark:
        shutil.rmtree(path)  # does not follow links (shutil.rmtree.avoids_symlink_attacks)
        return True
    if not project.source_mark:
        try:
            path.rmdir()
        except OSError:
            return False
        return True
    return False
