"""Files in a directory that agents write to. Nothing in it is trusted: no link is followed, at no depth.

Every step goes through the descriptor of the directory above it, so what an agent renames meanwhile changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bot.errors import UserError

NAME_LIMIT = 100  # characters of a file's name …
NAME_BYTES = 200  # … and bytes: file systems take 255, and a number is put in front
SUFFIX_LIMIT = 20  # characters of a suffix that are kept when a name is cut
PIECE = 1 << 20  # bytes copied at a time
ATTEMPTS = 100  # names tried for one file

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe would wait for whoever made it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Outside(UserError):
    """`{path}` does not lie in the workspace of this conversation. Name a file by its path from there."""


class NoSuchFile(UserError):
    """There is no file `{path}` in the workspace of this conversation."""


class NotAFile(UserError):
    """`{path}` is {what}; only files can be sent."""


class LinkInPath(UserError):
    """`{path}` leads through a link, and links in a workspace are not followed. Name the file itself."""


class TooLarge(UserError):
    """`{path}` has {size} bytes; at most {most} can be sent."""


class Unreadable(UserError):
    """`{path}` cannot be read: {reason}."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where it lies on this machine, and how whoever works in it calls it."""

    root: Path
    seen_as: Path  # the same directory as the agent sees it
    owner: tuple[int, int] | None = None  # uid and gid of what is put there, where the bot is root; None: the bot's own


# ---------------------------------------------------------------- names


def clean(name: str) -> str:
    """A file's name that is one: no directories, no control characters, not hidden, not too long."""
    visible = "".join("_" if c == "/" or unicodedata.category(c)[0] == "C" else c for c in name)
    bare = " ".join(visible.split()).lstrip(". ")
    stem, dot, suffix = bare.rpartition(".")
    if not stem or len(suffix) >= SUFFIX_LIMIT:
        return _cut(bare, NAME_LIMIT, NAME_BYTES) or "file"
    tail = dot + suffix
    return _cut(stem, NAME_LIMIT - len(tail), NAME_BYTES - len(tail.encode())) + tail


def _cut(text: str, characters: int, size: int) -> str:
    return text[:characters].encode()[:size].decode(errors="ignore").rstrip()


# ---------------------------------------------------------------- putting


def put(workspace: Workspace, folder: Sequence[str], name: str, source: Path) -> str:
    """Copy `source` into `folder`; its path from the workspace. A copy of it that is there already is left.

    Another file of that name is never overwritten. Raises OSError (ELOOP, ENOTDIR where a link is in the way).
    """
    with _opened(source) as content, _root(workspace) as root, _made(root, folder, workspace.owner) as directory:
        for attempt in range(1, ATTEMPTS):
            chosen = name if attempt == 1 else f"{attempt}-{name}"
            if _placed(directory, chosen, content, workspace.owner):
                return "/".join((*folder, chosen))
    raise FileExistsError(f"there are {ATTEMPTS} files of that name")


def hide(workspace: Workspace, folder: Sequence[str]) -> None:
    """Keep what is in `folder` out of git, unless somebody has decided otherwise. Raises OSError."""
    with _root(workspace) as root, _made(root, folder, workspace.owner) as directory:
        try:
            file = os.open(".gitignore", _NEW, 0o600, dir_fd=directory)
        except FileExistsError:
            return
        try:
            os.write(file, b"*\n")
            _own(file, workspace.owner)
        finally:
            os.close(file)


def _placed(directory: int, name: str, content: int, owner: tuple[int, int] | None) -> bool:
    """False: something else has that name."""
    try:
        file = os.open(name, _NEW, 0o600, dir_fd=directory)
    except FileExistsError:
        return _is_copy(directory, name, content)
    try:
        _copy(content, file)
        _own(file, owner)
    except BaseException:
        os.unlink(name, dir_fd=directory)
        raise
    finally:
        os.close(file)
    return True


def _copy(source: int, target: int) -> None:
    offset = 0
    while sent := os.sendfile(target, source, offset, PIECE):
        offset += sent


def _is_copy(directory: int, name: str, content: int) -> bool:
    try:
        file = os.open(name, _FILE, dir_fd=directory)
    except OSError:
        return False
    try:
        seen, wanted = os.fstat(file), os.fstat(content)
        if not stat.S_ISREG(seen.st_mode) or seen.st_size != wanted.st_size:
            return False
        return all(
            os.pread(file, PIECE, offset) == os.pread(content, PIECE, offset)
            for offset in range(0, wanted.st_size, PIECE)
        )
    finally:
        os.close(file)


# ---------------------------------------------------------------- reading


def read(workspace: Workspace, path: str, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes.

    `path` starts at the workspace, or is absolute as the agent sees it.

    Raises Outside, NoSuchFile, NotAFile, LinkInPath, TooLarge, Unreadable.
    """
    *folders, name = parts(workspace, path)
    try:
        with _root(workspace) as root, _folder(root, folders) as directory:
            file = os.open(name, _FILE, dir_fd=directory)
            try:
                return _content(file, path, most)
            finally:
                os.close(file)
    except OSError as exc:
        raise _why_not(workspace, path, exc) from exc


def parts(workspace: Workspace, path: str) -> tuple[str, ...]:
    """The names that lead from the workspace to `path`, at least one. Raises Outside, NotAFile."""
    given = PurePosixPath(path)
    if given.is_absolute():
        if not given.is_relative_to(workspace.seen_as):
            raise Outside(path=_shown(path))
        given = given.relative_to(workspace.seen_as)
    if ".." in given.parts or "\0" in path:
        raise Outside(path=_shown(path))
    if not given.parts:
        raise NotAFile(path=_shown(path), what="a directory")
    return given.parts


def _content(file: int, path: str, most: int) -> bytes:
    info = os.fstat(file)
    if not stat.S_ISREG(info.st_mode):
        what = "a directory" if stat.S_ISDIR(info.st_mode) else "no regular file"
        raise NotAFile(path=_shown(path), what=what)
    if info.st_size > most:
        raise TooLarge(path=_shown(path), size=f"{info.st_size:,}", most=f"{most:,}")
    with open(file, "rb", closefd=False) as stream:
        content = stream.read(most + 1)
    if len(content) > most:  # it grew meanwhile
        raise TooLarge(path=_shown(path), size=f"more than {most:,}", most=f"{most:,}")
    return content


def _why_not(workspace: Workspace, path: str, exc: OSError) -> UserError:
    if isinstance(exc, FileNotFoundError):
        return NoSuchFile(path=_shown(path))
    if _has_link(workspace, path):
        return LinkInPath(path=_shown(path))
    if isinstance(exc, NotADirectoryError):
        return NoSuchFile(path=_shown(path))
    return Unreadable(path=_shown(path), reason=(exc.strerror or str(exc)).lower())


def _has_link(workspace: Workspace, path: str) -> bool:
    """Only to find the words for what was refused already."""
    names = parts(workspace, path)
    return any(os.path.islink(workspace.root.joinpath(*names[:count])) for count in range(1, len(names) + 1))


def _shown(path: str) -> str:
    return " ".join(path.split()).replace("`", "'")[:200]


# ---------------------------------------------------------------- steps


@contextmanager
def _root(workspace: Workspace) -> Iterator[int]:
    """The directory itself is not the agent's to replace; what is in it is."""
    root = os.open(workspace.root, _DIRECTORY)
    try:
        yield root
    finally:
        os.close(root)


@contextmanager
def _folder(root: int, names: Sequence[str]) -> Iterator[int]:
    """The directory that `names` lead to."""
    with contextlib.ExitStack() as stack:
        current = root
        for name in names:
            current = os.open(name, _DIRECTORY, dir_fd=current)
            stack.callback(os.close, current)
        yield current


@contextmanager
def _made(root: int, names: Sequence[str], owner: tuple[int, int] | None) -> Iterator[int]:
    """The same, made where it is not there."""
    for count, name in enumerate(names):
        with _folder(root, names[:count]) as above:
            try:
                os.mkdir(name, 0o700, dir_fd=above)
            except FileExistsError:
                continue
            with _folder(above, (name,)) as new:
                _own(new, owner)
    with _folder(root, names) as directory:
        yield directory


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    file = os.open(path, _FILE)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise FileNotFoundError(f"{path} is no file")
        yield file
    finally:
        os.close(file)


def _own(file: int, owner: tuple[int, int] | None) -> None:
    """Only a bot that root runs works for others."""
    if owner is not None and os.geteuid() == 0 and owner[0] != 0:
        os.fchown(file, *owner)
