"""Where sources lie: nothing that was there before is ever touched, and nothing but ours is ever removed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bot.projects import places
from bot.projects.errors import PathRefused
from bot.projects.model import Owner, Project, ProjectState, Resources

OURS = Owner(os.geteuid(), os.getegid())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "root/data"
    path.mkdir(parents=True, exist_ok=True)
    return path


def project(source: Path, mark: str = "") -> Project:
    return Project(
        id=1,
        name="harbour",
        state=ProjectState.RESERVED,
        source=source,
        source_mark=mark,
        port=20_000,
        resources=Resources(1.0, 1 << 30),
        owner=OURS,
        session="console/local",
        target="console/local",
        created_by="Ann",
        created_at=0.0,
        used_at=0.0,
    )


# ---------------------------------------------------------------- check


def test_a_place_below_the_root(root: Path, data: Path) -> None:
    assert places.check(root / "harbour", [root], data) == root / "harbour"


def test_a_root_that_does_not_exist_yet_is_one(tmp_path: Path, data: Path) -> None:
    root = tmp_path / "later/projects"
    assert places.check(root / "harbour", [root], data) == root / "harbour"
    assert not root.exists()


def test_any_of_several_roots_will_do(root: Path, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert places.check(other / "x", [root, other], data) == other / "x"


def test_home_is_where_the_user_says(root: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root))
    assert places.check(Path("~/harbour"), [Path("~")], data) == root / "harbour"


def test_links_on_the_way_are_followed(root: Path, data: Path, tmp_path: Path) -> None:
    (root / "real").mkdir()
    (tmp_path / "short").symlink_to(root / "real")
    assert places.check(tmp_path / "short/harbour", [root], data) == root / "real/harbour"
    assert places.check(root / "real/../harbour", [root], data) == root / "harbour"


def test_a_root_that_is_a_link_is_where_it_leads(root: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert places.check(tmp_path / "link/harbour", [tmp_path / "link"], data) == root / "harbour"


def test_links_that_lead_out_are_refused(root: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (root / "out").symlink_to(tmp_path / "outside")
    with pytest.raises(PathRefused, match="not below"):
        places.check(root / "out/harbour", [root], data)


def test_the_data_directory_is_refused_by_whatever_way(root: Path, data: Path, tmp_path: Path) -> None:
    (root / "in").symlink_to(data)
    (tmp_path / "data_link").symlink_to(data)
    (data / "projects").mkdir()
    for wanted in (data / "x", data / "projects/x", root / "in/x", root / "in/../data/x"):
        for told in (data, tmp_path / "data_link"):
            with pytest.raises(PathRefused, match="own data directory"):
                places.check(wanted, [root, data], told)


def test_a_data_directory_that_is_to_be_made_is_refused_already(root: Path) -> None:
    with pytest.raises(PathRefused, match="own data directory"):
        places.check(root / "data", [root], root / "data")


@pytest.mark.parametrize("kind", ["directory", "file", "link", "broken link"])
def test_what_exists_is_refused_whatever_it_is(root: Path, data: Path, kind: str) -> None:
    place = root / "harbour"
    if kind == "directory":
        place.mkdir()
    elif kind == "file":
        place.touch()
    else:
        place.symlink_to(root if kind == "link" else "nowhere")
    with pytest.raises(PathRefused, match="exists already"):
        places.check(place, [root], data)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("harbour", "not absolute"),
        ("./harbour", "not absolute"),
        ("", "not absolute"),
        ("/", "exists already"),
        ("/harbour", "not below"),
        ("{root}", "exists already"),
        ("{root}/..", "exists already"),
        ("{root}/nowhere/..", "no directory"),
        ("{root}/../harbour", "not below"),
        ("{root}x", "not below"),
        ("{root}/a/b", "does not exist"),
        ("{root}/file/x", "does not exist"),
        ("~nobody-of-that-name/x", "home directory"),
        ("{root}/loop/x", "loop|does not exist"),
        ("{root}/a\0b", "control character"),
        ("{root}/a\0b/x", "control character"),
        ("{root}/a\nb", "control character"),
        ("{root}/a\x1b[2Jb", "control character"),
        ("{root}/a\ud800b", "control character"),
        ("{root}/" + "a" * 300 + "/x", "File name too long"),
        ("{root}/" + "a/" * 3000 + "x", "File name too long"),
    ],
    ids=lambda text: repr(text[:30]),
)
def test_places_that_projects_may_not_have(root: Path, data: Path, wanted: str, told: str) -> None:
    (root / "file").touch()
    (root / "loop").symlink_to("loop")
    before = sorted(root.rglob("*"))
    with pytest.raises(PathRefused, match=told) as caught:
        places.check(Path(wanted.format(root=root)), [root], data)
    assert str(caught.value).isprintable()
    assert sorted(root.rglob("*")) == before


# ---------------------------------------------------------------- make


def test_a_directory_is_made_with_its_root_and_can_be_entered(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        mark = places.make(tmp_path / "root/harbour", OURS)
    finally:
        os.umask(before)
    assert mark == places.mark_of(tmp_path / "root/harbour") != ""
    assert (tmp_path / "root/harbour").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "root").stat().st_mode & 0o777 == 0o755


def test_a_root_that_is_there_keeps_its_mode(root: Path) -> None:
    root.chmod(0o750)
    places.make(root / "harbour", OURS)
    assert root.stat().st_mode & 0o777 == 0o750


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives directories away")
def test_a_directory_belongs_to_the_projects_user(root: Path) -> None:
    places.make(root / "harbour", Owner(1234, 2345))
    found = (root / "harbour").stat()
    assert (found.st_uid, found.st_gid) == (1234, 2345)


def test_what_came_into_being_meanwhile_is_left_alone(root: Path) -> None:
    (root / "harbour").mkdir()
    (root / "harbour/theirs").touch()
    (root / "link").symlink_to("nowhere")
    for name in ("harbour", "link"):
        with pytest.raises(PathRefused, match="exists already"):
            places.make(root / name, OURS)
    assert (root / "harbour/theirs").exists()


def test_what_cannot_be_made_says_why(root: Path) -> None:
    with pytest.raises(PathRefused, match="File name too long"):
        places.make(root / ("x" * 300), OURS)


@pytest.mark.skipif(os.geteuid() != 0, reason="whoever is not root owns what is made")
def test_files_are_owned_like_the_root_and_never_by_root(root: Path, tmp_path: Path) -> None:
    assert places.owner_of(root) == Owner(1000, 1000)
    assert places.owner_of(tmp_path / "missing") == Owner(1000, 1000)
    os.chown(root, 1234, 2345)
    assert places.owner_of(root) == Owner(1234, 2345)


# ---------------------------------------------------------------- remove


def test_what_was_made_is_removed_with_what_is_in_it_and_no_further(root: Path) -> None:
    mark = places.make(root / "harbour", OURS)
    (root / "outside").mkdir()
    (root / "outside/theirs").touch()
    (root / "harbour/src").mkdir()
    (root / "harbour/src/link").symlink_to(root / "outside")
    assert places.remove(project(root / "harbour", mark)) is True
    assert sorted(path.name for path in root.rglob("*")) == ["outside", "theirs"]


def test_removing_twice_is_as_good_as_once(root: Path) -> None:
    made = project(root / "harbour", places.make(root / "harbour", OURS))
    assert places.remove(made) is True
    assert places.remove(made) is False
    assert places.remove(replace(made, source_mark="")) is False


@pytest.mark.parametrize("content", ["", "theirs"])
def test_another_directory_at_the_same_path_stays(root: Path, content: str) -> None:
    mark = places.make(root / "harbour", OURS)
    (root / "harbour").rename(root / "moved")
    (root / "harbour").mkdir()
    (root / "harbour" / (content or "x")).touch()
    assert places.remove(project(root / "harbour", mark)) is False
    assert (root / "harbour").is_dir()
    assert (root / "moved").is_dir()


def test_another_directory_stays_where_the_disk_gave_it_the_number_of_ours(root: Path) -> None:
    mark = places.make(root / "harbour", OURS)
    if mark.endswith(":0"):
        pytest.skip("this file system does not tell generations")
    (root / "harbour").rmdir()
    (root / "harbour").mkdir()
    (root / "harbour/theirs").touch()
    assert places.remove(project(root / "harbour", mark)) is False
    assert (root / "harbour/theirs").exists()


def test_a_link_in_the_place_of_ours_stays_with_what_it_leads_to(root: Path) -> None:
    mark = places.make(root / "harbour", OURS)
    (root / "harbour").rename(root / "moved")
    (root / "harbour").symlink_to("moved")
    assert places.remove(project(root / "harbour", mark)) is False
    assert places.remove(project(root / "harbour")) is False
    assert (root / "harbour").is_symlink()
    assert (root / "moved").is_dir()


def test_the_mark_of_a_kept_source_is_nobodys(root: Path) -> None:
    places.make(root / "harbour", OURS)
    assert places.remove(project(root / "harbour", "kept")) is False
    assert (root / "harbour").is_dir()


def test_an_empty_directory_that_a_crash_left_unrecorded_goes(root: Path) -> None:
    places.make(root / "harbour", OURS)
    assert places.remove(project(root / "harbour")) is True
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("kind", ["full", "file", "missing"])
def test_what_is_unrecorded_and_not_empty_stays(root: Path, kind: str) -> None:
    if kind == "full":
        (root / "harbour").mkdir()
        (root / "harbour/theirs").touch()
    elif kind == "file":
        (root / "harbour").touch()
    before = sorted(root.rglob("*"))
    assert places.remove(project(root / "harbour")) is False
    assert sorted(root.rglob("*")) == before


def test_only_directories_have_marks(root: Path) -> None:
    (root / "file").touch()
    (root / "link").symlink_to(root)
    assert [places.mark_of(root / name) for name in ("file", "link", "missing", "file/x")] == ["", "", "", ""]
    assert places.mark_of(root) == places.mark_of(root) != ""


def test_a_mark_stays_when_the_directory_is_filled_and_moved(root: Path) -> None:
    mark = places.make(root / "harbour", OURS)
    (root / "harbour/x").touch()
    (root / "harbour").chmod(0o700)
    (root / "harbour").rename(root / "moved")
    assert places.mark_of(root / "moved") == mark


def test_no_project_lies_in_another_or_around_it(tmp_path: Path) -> None:
    """What runs in the outer one could put a link in the inner one's place, and have anything mounted."""
    other = tmp_path / "src" / "harbour"
    for place in (other / "sub", other, tmp_path / "src", tmp_path / "src" / places.TRASH / "x"):
        with pytest.raises(PathRefused):
            places.check_apart(place, [other])
    places.check_apart(tmp_path / "src" / "harbour2", [other])
