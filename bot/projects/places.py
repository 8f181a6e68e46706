"""Where the source of a project lies, and the directory made for it: never one that was there before."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.projects.errors import PathRefused
from bot.projects.keys import own
from bot.projects.model import Owner, Project

TRASH = ".tugbot-trash"  # beside sources, so that moving one there is one rename
EXISTS = "it exists already, and what exists is never touched; give another name, or `--path`"
_GENERATION = 0x80087601  # FS_IOC_GETVERSION of linux/fs.h: _IOR('v', 1, long)


def owner_of(root: Path) -> Owner:
    """Whose numbers a project's files get: those of the root's owner, 1000 where that is root; ours if we are not."""
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid())
    found = root.stat() if root.exists() else None
    return Owner(found.st_uid, found.st_gid) if found is not None and found.st_uid != 0 else Owner(1000, 1000)


def check(wanted: Path, roots: Sequence[Path], data: Path) -> Path:
    """The path with all links followed, if a project may be made there. Raises PathRefused."""
    if not str(wanted).isprintable():
        shown = "".join(char if char.isprintable() else "�" for char in str(wanted))
        raise PathRefused(path=shown, reason="it holds a control character")
    try:
        return _checked(wanted, roots, data)
    except (OSError, ValueError, RuntimeError) as exc:  # ~ of nobody, a link to itself, a name too long …
        reason = getattr(exc, "strerror", None) or str(exc).splitlines()[0]
        raise PathRefused(path=wanted, reason=f"it cannot be looked up ({reason})") from exc


def _checked(wanted: Path, roots: Sequence[Path], data: Path) -> Path:
    expanded = wanted.expanduser()
    if not expanded.is_absolute():
        raise PathRefused(path=wanted, reason="it is not absolute (it begins with neither `/` nor `~`)")
    if os.path.lexists(expanded):
        raise PathRefused(path=wanted, reason=EXISTS)
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


def check_apart(place: Path, sources: Sequence[Path]) -> None:
    """Raises PathRefused for a place inside another project: what runs there could put a link in its way."""
    for source in sources:
        if place.is_relative_to(source) or source.is_relative_to(place):
            raise PathRefused(path=place, reason=f"another project lies in `{source}`")
    if TRASH in place.parts:
        raise PathRefused(path=place, reason=f"`{TRASH}` is where deleted sources go")


def make(path: Path, owner: Owner) -> str:
    """Make the directory; what tells it from any other of that name. Raises PathRefused where it is there already."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)  # the owner of the sources has to get there, whatever our umask says
    try:
        path.mkdir(mode=0o755)
    except FileExistsError:
        raise PathRefused(path=path, reason=EXISTS) from None
    except OSError as exc:
        raise PathRefused(path=path, reason=f"it cannot be made ({exc.strerror})") from exc
    path.chmod(0o755)  # whatever the umask says
    own(path, owner)
    return mark_of(path)


def mark_of(path: Path) -> str:
    """Device, inode and its generation; "" where there is nothing, or no directory that can be opened."""
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        found = os.fstat(directory)
        return f"{found.st_dev}:{found.st_ino}:{_generation(directory)}"
    finally:
        os.close(directory)


def _generation(directory: int) -> int:
    """What differs when a file system gives an inode's number away again, as ext4 does with the next directory made."""
    try:
        return int.from_bytes(fcntl.ioctl(directory, _GENERATION, bytes(8)), sys.byteorder)
    except OSError:
        return 0  # not every file system has it; tmpfs counts on instead


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
