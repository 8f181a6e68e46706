"""What a sandboxed program sees. `plan` is pure; `survey` asks the file system."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["cover", "tmpfs", "mask", "bind", "ro-bind", "symlink"]
# Where two meet on one path the stronger wins: what must be hidden over what was asked for over what is usual.
STRENGTH: dict[Kind, int] = {"symlink": 0, "cover": 1, "ro-bind": 2, "bind": 3, "tmpfs": 4, "mask": 4}
MAX_LINKS = 40  # as Linux does, path_resolution(7)


@dataclass(frozen=True, slots=True)
class Mount:
    """One step in making the view. `cover` and `tmpfs` are both an empty directory; a cover may be shown over."""

    kind: Kind
    path: Path  # free of links
    target: str = ""  # of a symlink, as it is on the host


def plan(wanted: Iterable[Mount]) -> tuple[Mount, ...]:
    """Outer before inner, so that each step decides over what is below it; steps that change nothing are left out."""
    chosen: dict[Path, Mount] = {}
    for mount in wanted:
        known = chosen.get(mount.path)
        if known is None or STRENGTH[mount.kind] > STRENGTH[known.kind]:
            chosen[mount.path] = mount
    done: dict[Path, Mount] = {}
    for mount in sorted(chosen.values(), key=lambda mount: (len(mount.path.parts), mount.path)):
        if _matters(mount, _around(mount.path, done)):
            done[mount.path] = mount
    return tuple(done.values())


def _around(path: Path, done: dict[Path, Mount]) -> Mount | None:
    """The innermost step that decides what is at `path`; None: the plain system, read-only."""
    return next((done[parent] for parent in path.parents if parent in done), None)


def _matters(mount: Mount, around: Mount | None) -> bool:
    inside_empty = around is not None and around.kind in ("cover", "tmpfs")
    match mount.kind:
        case "bind":
            return True
        case "ro-bind" | "symlink":
            return inside_empty  # elsewhere it is visible already, and may be writable
        case _:
            return not inside_empty


def arguments(mounts: Iterable[Mount]) -> list[str]:
    """As bubblewrap wants it."""
    words: list[str] = []
    for mount in mounts:
        match mount.kind:
            case "cover" | "tmpfs":
                words += ["--tmpfs", str(mount.path)]
            case "mask":
                words += ["--ro-bind", "/dev/null", str(mount.path)]
            case "symlink":
                words += ["--symlink", mount.target, str(mount.path)]
            case "bind" | "ro-bind":
                words += [f"--{mount.kind}", str(mount.path), str(mount.path)]
    return words


# ---------------------------------------------------------------- asking the file system


def survey(
    *, covers: Sequence[Path], hidden: Sequence[Path], writable: Sequence[Path], readable: Sequence[Path]
) -> tuple[Mount, ...]:
    """The plan for these paths as they are now. Links are followed first: a name must not smuggle its target in."""
    wanted = [Mount("cover", path) for path in _existing(covers) if path != Path("/") and path.is_dir()]
    wanted += [Mount("tmpfs" if path.is_dir() else "mask", path) for path in _existing(hidden)]
    for kind, paths in (("bind", writable), ("ro-bind", readable)):
        for path in paths:
            wanted += _shown(path, "bind" if kind == "bind" else "ro-bind")
    return plan(wanted)


def _existing(paths: Iterable[Path]) -> list[Path]:
    return [path.resolve() for path in paths if _exists(path)]


def _exists(path: Path) -> bool:
    """False also where we may not look: then neither may the program, which is the same user."""
    try:
        return stat.S_IFMT(os.stat(path).st_mode) != 0
    except OSError:
        return False


def _shown(path: Path, kind: Literal["bind", "ro-bind"]) -> list[Mount]:
    """The path and every link on the way to it, since programs find their libraries relative to the link's target."""
    if not _exists(path):
        return []
    return [*(Mount("symlink", link, target) for link, target in links(path)), Mount(kind, path.resolve())]


def links(path: Path) -> list[tuple[Path, str]]:
    """(where, target) of each symbolic link that is met when `path` is followed."""
    met: list[tuple[Path, str]] = []
    todo, here = list(reversed(Path(os.path.abspath(path)).parts[1:])), Path("/")
    while todo and len(met) < MAX_LINKS:
        part = todo.pop()
        here = here.parent if part == ".." else here / part
        if here.is_symlink():
            target = os.readlink(here)
            met.append((here, target))
            todo.extend(reversed([piece for piece in Path(target).parts if piece != "/"]))
            here = Path("/") if target.startswith("/") else here.parent
    return met
