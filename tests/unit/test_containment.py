"""The pure parts: what is mounted, what a program needs, what /proc and ps say."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bot.agents.base import ProgramMissing
from bot.agents.containment import group, mounts, procfs, program_paths, programs
from bot.agents.containment.mounts import Mount, plan


def steps(*wanted: tuple[mounts.Kind, str]) -> list[tuple[str, str]]:
    return [(mount.kind, str(mount.path)) for mount in plan(Mount(kind, Path(path)) for kind, path in wanted)]


def test_a_directory_inside_the_hidden_data_is_shown_after_it() -> None:
    assert steps(("bind", "/srv/data/scratch/1"), ("tmpfs", "/srv/data")) == [
        ("tmpfs", "/srv/data"),
        ("bind", "/srv/data/scratch/1"),
    ]
    # All of it below a covered place, as in tests: the cover hides the data already.
    assert steps(("bind", "/tmp/t/data/scratch"), ("tmpfs", "/tmp/t/data"), ("cover", "/tmp")) == [
        ("cover", "/tmp"),
        ("bind", "/tmp/t/data/scratch"),
    ]


def test_a_shown_ancestor_does_not_uncover_the_data() -> None:
    assert steps(("tmpfs", "/home/me/tug"), ("cover", "/home"), ("bind", "/home/me")) == [
        ("cover", "/home"),
        ("bind", "/home/me"),
        ("tmpfs", "/home/me/tug"),
    ]


@pytest.mark.parametrize("shown", ["bind", "ro-bind"])
def test_hidden_wins_over_shown_and_shown_over_usual(shown: mounts.Kind) -> None:
    assert steps((shown, "/srv/data"), ("tmpfs", "/srv/data")) == [("tmpfs", "/srv/data")]
    assert steps(("cover", "/home/me"), ("bind", "/home/me")) == [("bind", "/home/me")]


def test_what_changes_nothing_is_left_out() -> None:
    assert steps(("ro-bind", "/usr/bin/tool")) == []
    assert steps(("cover", "/home"), ("cover", "/home/me"), ("mask", "/home/me/key")) == [("cover", "/home")]
    assert steps(("bind", "/srv/w"), ("ro-bind", "/srv/w/.venv")) == [("bind", "/srv/w")]


def test_a_link_to_hidden_data_hides_and_shows_by_its_target(tmp_path: Path) -> None:
    data, link = tmp_path / "data", tmp_path / "link"
    data.mkdir()
    link.symlink_to(data)
    seen = mounts.survey(covers=[], hidden=[data], writable=[link], readable=[])
    assert [(mount.kind, mount.path) for mount in seen] == [("tmpfs", data)]


def test_each_link_on_the_way_is_rebuilt_where_home_is_empty(tmp_path: Path) -> None:
    real = tmp_path / "share" / "claude" / "2.1"
    real.parent.mkdir(parents=True)
    real.write_text("#!")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "claude").symlink_to("../share/claude/2.1")
    seen = mounts.survey(covers=[tmp_path], hidden=[], writable=[], readable=[tmp_path / "bin" / "claude"])
    assert seen == (
        Mount("cover", tmp_path),
        Mount("symlink", tmp_path / "bin" / "claude", "../share/claude/2.1"),
        Mount("ro-bind", real),
    )


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert len(mounts.links(tmp_path / "a")) == mounts.MAX_LINKS


def test_missing_paths_are_skipped(tmp_path: Path) -> None:
    none = tmp_path / "none"
    assert mounts.survey(covers=[none], hidden=[none], writable=[none], readable=[none]) == ()


def test_the_root_directory_is_never_covered() -> None:
    assert mounts.survey(covers=[Path("/")], hidden=[], writable=[], readable=[]) == ()


# ---------------------------------------------------------------- programs


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def paths_of(program: Path, home: Path, *more: str) -> set[Path]:
    return set(program_paths([program.name, *more], str(program.parent), home))


def test_a_program_in_local_bin_shows_itself_and_where_it_really_lies(tmp_path: Path) -> None:
    real = executable(tmp_path / ".local/share/claude/versions/2.1")
    link = tmp_path / ".local/bin/claude"
    link.parent.mkdir()
    link.symlink_to(real)
    assert paths_of(link, tmp_path) == {link, real, real.parent}


@pytest.mark.parametrize("place", ["bin/tool", ".local/bin/tool", "tool", ".ssh/tool", ".config/tool"])
def test_shared_places_are_never_shown_as_a_whole(tmp_path: Path, place: str) -> None:
    tool = executable(tmp_path / place)
    assert paths_of(tool, tmp_path) == {tool}


@pytest.mark.parametrize(
    ("place", "prefix"),
    [
        (".nvm/versions/node/v24/bin/node", ".nvm/versions/node/v24"),
        (".pyenv/shims/python", ".pyenv"),
        (".volta/bin/node", ".volta"),
        (".bun/bin/opencode", ".bun"),
        (".local/share/mise/installs/node/24/bin/node", ".local/share/mise"),
    ],
)
def test_a_tool_with_a_prefix_of_its_own_shows_the_prefix(tmp_path: Path, place: str, prefix: str) -> None:
    tool = executable(tmp_path / place)
    assert paths_of(tool, tmp_path) == {tool, tmp_path / prefix}


def test_an_npm_program_shows_its_node_modules(tmp_path: Path) -> None:
    real = executable(tmp_path / "work/node_modules/@a/agent/dist/index.js")
    link = tmp_path / "work/node_modules/.bin/agent"
    link.parent.mkdir()
    link.symlink_to("../@a/agent/dist/index.js")
    assert paths_of(link, tmp_path) == {link, real, tmp_path / "work/node_modules"}


def test_a_virtual_environment_brings_the_interpreter_it_borrows(tmp_path: Path) -> None:
    tool = executable(tmp_path / "x/venv/bin/tool")
    (tmp_path / "x/venv/pyvenv.cfg").write_text(f"home = {tmp_path}/py/3.11/bin\nversion = 3.11\n")
    assert paths_of(tool, tmp_path) == {tool, tmp_path / "x/venv", tmp_path / "py/3.11"}


def test_our_own_python_and_absolute_files_are_shown(tmp_path: Path) -> None:
    script = executable(tmp_path / "agent.py")
    seen = program_paths([sys.executable, str(script), "-x", str(tmp_path)], os.defpath, tmp_path)
    assert {Path(sys.prefix), Path(sys.base_prefix), script} <= set(seen)
    assert tmp_path not in seen


def test_an_unknown_program_shows_nothing(tmp_path: Path) -> None:
    assert program_paths(["no-such-program"], str(tmp_path), tmp_path) == ()
    assert program_paths([], str(tmp_path), tmp_path) == ()


def test_a_relative_program_is_found_from_the_working_directory(tmp_path: Path) -> None:
    tool = executable(tmp_path / "run.sh")
    assert programs.find(["./run.sh"], {}, tmp_path) == str(tool)
    with pytest.raises(ProgramMissing, match=r"\./other"):
        programs.find(["./other"], {}, tmp_path)


# ---------------------------------------------------------------- processes

LINE = "42 (a) b) (c) S 7 40 39 0 -1 4194624 41 0 0 0 11 22 3 4 20 0 {threads} 0 176155 3457024 342"


def test_a_name_with_brackets_does_not_shift_the_fields() -> None:
    stat = procfs.parse_stat(LINE.format(threads=1))
    assert (stat.pid, stat.state, stat.parent, stat.session) == (42, "S", 7, 39)
    assert (stat.ticks, stat.threads, stat.start_time, stat.live) == (33, 1, 176155, True)


@pytest.mark.parametrize(("threads", "live"), [(1, False), (3, True)])
def test_a_zombie_is_dead_unless_its_threads_live_on(threads: int, live: bool) -> None:
    assert procfs.parse_stat(LINE.format(threads=threads).replace(" S ", " Z ")).live is live


def test_identity_needs_all_three() -> None:
    me = procfs.identify(os.getpid())
    assert me is not None
    assert procfs.is_alive(me)
    assert not procfs.is_alive(type(me)("other", me.pid, me.start_time))
    assert not procfs.is_alive(type(me)(me.boot_id, me.pid, me.start_time + 1))
    assert not procfs.is_alive(type(me)(me.boot_id, 1 << 22, me.start_time))


def test_group_members_are_the_group_its_descendants_and_who_was_seen_before() -> None:
    rows = group._rows("10 1 10 S\n11 10 10 S\n12 11 12 S\n13 12 13 Z\n14 1 14 S\n15 1 15 S\njunk\n")
    assert [row.pid for row in group._members(rows, 10)] == [10, 11, 12, 13]
    assert [row.pid for row in group._members(rows, 10, [14])] == [10, 11, 12, 13, 14]
    assert [row.live for row in rows][3] is False


def test_the_program_behind_env_is_shown_too(tmp_path: Path) -> None:
    place = tmp_path / ".nvm" / "versions" / "node" / "v24" / "bin"
    place.mkdir(parents=True)
    (place / "agent").write_text("#!/bin/sh\n")
    (place / "agent").chmod(0o755)
    path = f"{place}:/usr/bin:/bin"
    shown = program_paths(("env", "A=b", "agent", "x"), path, tmp_path)
    assert place / "agent" in shown
    assert place.parent in shown
    assert program_paths(("env",), path, tmp_path) == program_paths(("env", "A=b"), path, tmp_path)
