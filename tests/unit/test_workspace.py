"""What lies in a workspace is an agent's doing: no link leads out of it, nothing is overwritten."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import workspace
from bot.workspace import LinkInPath, NoSuchFile, NotAFile, Outside, TooLarge, Unreadable, Workspace

FOLDER = (".tugbot", "files")


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    root = tmp_path / "root"
    root.mkdir()
    return Workspace(root, Path("/workspace"))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("the bot's own")
    return path


# ---------------------------------------------------------------- names


@given(st.text(max_size=300))
def test_a_cleaned_name_is_a_name(name: str) -> None:
    clean = workspace.clean(name)
    assert 1 <= len(clean) <= workspace.NAME_LIMIT
    assert len(clean.encode()) <= workspace.NAME_BYTES
    assert not clean.startswith(".")
    assert "/" not in clean
    assert all(unicodedata.category(c)[0] != "C" for c in clean)
    assert workspace.clean(clean) == clean


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        (".bashrc", "bashrc"),
        ("...", "file"),
        ("", "file"),
        ("a\n\tb\x00.png", "a__b_.png"),
        ("x" * 300 + ".tar.gz", "x" * 97 + ".gz"),
    ],
)
def test_names(name: str, clean: str) -> None:
    assert workspace.clean(name) == clean


# ---------------------------------------------------------------- putting


def test_a_file_is_put_and_put_again_is_the_same(space: Workspace, secret: Path) -> None:
    assert workspace.put(space, FOLDER, "1-a.txt", secret) == ".tugbot/files/1-a.txt"
    assert workspace.put(space, FOLDER, "1-a.txt", secret) == ".tugbot/files/1-a.txt"
    assert (space.root / ".tugbot/files/1-a.txt").read_text() == "the bot's own"
    assert os.listdir(space.root / ".tugbot/files") == ["1-a.txt"]


def test_nothing_is_overwritten(space: Workspace, secret: Path) -> None:
    (space.root / ".tugbot/files").mkdir(parents=True)
    (space.root / ".tugbot/files/1-a.txt").write_text("of the same si")
    assert workspace.put(space, FOLDER, "1-a.txt", secret) == ".tugbot/files/2-1-a.txt"
    assert (space.root / ".tugbot/files/1-a.txt").read_text() == "of the same si"


@pytest.mark.parametrize("where", [".tugbot", ".tugbot/files"])
def test_a_directory_that_is_a_link_is_not_entered(space: Workspace, secret: Path, tmp_path: Path, where: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (space.root / where).parent.mkdir(exist_ok=True)
    (space.root / where).symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        workspace.put(space, FOLDER, "1-a.txt", secret)
    assert os.listdir(elsewhere) == []


@pytest.mark.parametrize("exists", [True, False])
def test_a_name_that_is_a_link_is_not_written_through(
    space: Workspace, secret: Path, tmp_path: Path, exists: bool
) -> None:
    victim = tmp_path / "victim"
    if exists:
        victim.write_text("the bot's own")  # the very content, yet no copy in the workspace
    (space.root / ".tugbot/files").mkdir(parents=True)
    (space.root / ".tugbot/files/1-a.txt").symlink_to(victim)
    assert workspace.put(space, FOLDER, "1-a.txt", secret) == ".tugbot/files/2-1-a.txt"
    assert victim.exists() == exists


def test_a_pipe_of_that_name_does_not_hang(space: Workspace, secret: Path) -> None:
    (space.root / ".tugbot/files").mkdir(parents=True)
    os.mkfifo(space.root / ".tugbot/files/1-a.txt")
    assert workspace.put(space, FOLDER, "1-a.txt", secret) == ".tugbot/files/2-1-a.txt"


def test_a_copy_that_breaks_off_is_removed(space: Workspace, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "sendfile", full)
    with pytest.raises(OSError, match="No space"):
        workspace.put(space, FOLDER, "1-a.txt", secret)
    assert os.listdir(space.root / ".tugbot/files") == []


def test_an_empty_file_is_a_file(space: Workspace, secret: Path) -> None:
    secret.write_bytes(b"")
    workspace.put(space, FOLDER, "1-a", secret)
    assert (space.root / ".tugbot/files/1-a").read_bytes() == b""


def test_a_source_that_is_no_file_is_not_taken(space: Workspace, secret: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(secret)
    for source in (tmp_path, tmp_path / "link", tmp_path / "missing"):
        with pytest.raises(OSError, match=r"."):
            workspace.put(space, FOLDER, "1-a", source)


def test_git_does_not_see_it_and_what_is_there_stays(space: Workspace) -> None:
    workspace.hide(space, (".tugbot",))
    ignoring = space.root / ".tugbot/.gitignore"
    assert ignoring.read_text() == "*\n"
    ignoring.write_text("mine\n")
    workspace.hide(space, (".tugbot",))
    assert ignoring.read_text() == "mine\n"


def test_what_is_put_belongs_to_the_project(space: Workspace, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owned: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda file, uid, gid: owned.append((uid, gid)))
    theirs = Workspace(space.root, space.seen_as, (1001, 1002))
    workspace.put(theirs, FOLDER, "1-a", secret)
    assert owned == [(1001, 1002)] * 3, "two directories and the file"


# ---------------------------------------------------------------- reading


def test_paths_as_people_and_agents_write_them(space: Workspace) -> None:
    (space.root / "sub").mkdir()
    (space.root / "sub/a.txt").write_text("hello")
    for path in ("sub/a.txt", "./sub/a.txt", "sub//a.txt", "/workspace/sub/a.txt"):
        assert workspace.read(space, path, 100) == b"hello"


def _linked(root: Path, target: Path) -> str:
    (root / "link").symlink_to(target)
    return "link"


def _linked_folder(root: Path, target: Path) -> str:
    (root / "folder").symlink_to(target.parent)
    return f"folder/{target.name}"


def _dangling(root: Path, target: Path) -> str:
    (root / "link").symlink_to("nowhere")
    return "link"


def _inner(root: Path, target: Path) -> str:
    (root / "a").write_text("x")
    (root / "link").symlink_to("a")
    return "link"


def _pipe(root: Path, target: Path) -> str:
    os.mkfifo(root / "pipe")
    return "pipe"


def _folder(root: Path, target: Path) -> str:
    (root / "sub").mkdir()
    return "sub"


def _file_as_folder(root: Path, target: Path) -> str:
    (root / "a").write_text("x")
    return "a/b"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (_linked, LinkInPath),
        (_linked_folder, LinkInPath),
        (_dangling, LinkInPath),
        (_inner, LinkInPath),
        (_pipe, NotAFile),
        (_folder, NotAFile),
        (_file_as_folder, NoSuchFile),
        (lambda root, target: "missing.txt", NoSuchFile),
        (lambda root, target: "../secret", Outside),
        (lambda root, target: str(target), Outside),
        (lambda root, target: "/workspace/../secret", Outside),
        (lambda root, target: "/workspace", NotAFile),
        (lambda root, target: ".", NotAFile),
        (lambda root, target: "a\0b", Outside),
        (lambda root, target: "x" * 300, Unreadable),
    ],
)
def test_what_is_not_read(
    space: Workspace, secret: Path, make: Callable[[Path, Path], str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        workspace.read(space, make(space.root, secret), 100)


def test_the_largest_file_and_one_byte_more(space: Workspace) -> None:
    (space.root / "a").write_bytes(b"x" * 100)
    assert len(workspace.read(space, "a", 100)) == 100
    with pytest.raises(TooLarge, match="`a` has 100 bytes; at most 99"):
        workspace.read(space, "a", 99)
