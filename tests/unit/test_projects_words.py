"""What answers about projects say, and what they are made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.commands import projectwords
from bot.projects.images import Tool
from bot.projects.inspection import Changes, Tree, is_foreign
from bot.projects.model import Owner, Project, ProjectState, Resources
from bot.projects.sshconfig import Access

PROJECT = Project(
    id=7,
    name="harbour",
    state=ProjectState.READY,
    source=Path("/home/me/tugbot/harbour"),
    port=20_001,
    resources=Resources(2.0, 4 << 30),
    owner=Owner(1000, 1000),
    session="console/local",
    target="console/local",
    created_by="Ann",
    created_at=1_000.0,
    used_at=1_500.0,
    stacks=("rust",),
    image="tugbot/project:1",
    git_url="ssh://git@git.example.org/me/harbour.git",
    run=7,
)
ACCESS = Access("tug-harbour", "Host tug-harbour\n    IdentityFile /data/k\n", (("Zed", "zed://x"),), "")
CLEAN = Tree("main", "3f1c2ab Begin", (), ())


@pytest.mark.parametrize(
    ("head", "machine", "foreign"),
    [
        ("7f454c46020101000000000000000000 03003e00", "x86_64", False),
        ("7f454c46020101000000000000000000 03003e00", "aarch64", True),
        ("7f454c46020101000000000000000000 0300b700", "aarch64", False),
        ("7f454c46020201000000000000000000 00030016", "s390x", False),
        ("7f454c46020101000000000000000000 03003e00", "vax", False),  # not known: nothing is claimed
        ("cffaedfe0c0000010000000000000000 00000000", "x86_64", True),
        ("4d5a90000300000004000000ffff0000 b8000000", "x86_64", True),
        ("", "x86_64", True),
    ],
)
def test_what_was_built_for_another_platform_is_recognised(head: str, machine: str, foreign: bool) -> None:
    assert is_foreign(head.replace(" ", ""), machine) is foreign


def shown(tree: Tree | None, trouble: str = "") -> str:
    return projectwords.show(projectwords.Shown(PROJECT, "running", tree, trouble, (), "Include x", "", 2_000.0))


def test_a_project_is_shown_with_what_is_not_committed_or_pushed() -> None:
    said = shown(Tree("main", "3f1c2ab Begin", (" M a", "?? b"), ("1234567 More",)))
    assert "**harbour** · rust · running" in said
    assert "- branch: `main` @ 3f1c2ab Begin" in said
    assert "- changes: 2 files not committed" in said
    assert "- 1 commit not pushed" in said
    assert "no changes" in shown(CLEAN)
    assert "- work tree: git took too long" in shown(None, "git took too long")


def test_a_foreign_build_is_named_with_the_command_that_mends_it() -> None:
    said = shown(Tree("main", "", (), (), ("node_modules/x/y.node",)))
    assert "`node_modules/x/y.node`" in said
    assert "`ssh tug-harbour npm rebuild`" in said


def test_a_deletion_is_told_before_it_is_done() -> None:
    said = projectwords.would_delete(PROJECT, Tree("main", "", ("?? new.txt",), ("123 Not yet",)), "", shared=False)
    assert "image `tugbot/project:1`" in said
    assert "keep the source: `/home/me/tugbot/harbour`" in said
    assert "**Not committed:**\n- `?? new.txt`" in said
    assert "**Not pushed:**\n- `123 Not yet`" in said
    assert said.endswith("`delete harbour --confirm harbour`")
    assert "committed and pushed" in projectwords.would_delete(PROJECT, CLEAN, "", shared=True)
    assert "not known: the engine is gone" in projectwords.would_delete(
        PROJECT, None, "the engine is gone", shared=True
    )


def test_a_list_of_many_files_ends() -> None:
    tree = Tree("main", "", tuple(f"?? {number}" for number in range(40)), ())
    assert "- and 25 more" in projectwords.would_delete(PROJECT, tree, "", shared=False)


def test_a_diff_shows_a_short_patch_and_names_the_file_of_a_long_one() -> None:
    changes = Changes(" a | 1 +", ("new.txt",), "+one", cut=False)
    assert "+one" in projectwords.diff(PROJECT, changes, "")
    said = projectwords.diff(PROJECT, changes, "/data/patches/x.patch")
    assert "+one" not in said
    assert "`/data/patches/x.patch`" in said
    assert "`new.txt`" in said
    assert "Nothing has changed" in projectwords.diff(PROJECT, Changes("", (), "", cut=False), "")


def test_a_fence_in_a_patch_does_not_end_its_own() -> None:
    said = projectwords.diff(PROJECT, Changes("x", (), "+```\n+evil", cut=False), "")
    assert "````" in said


def test_stacks_tell_versions_and_gaps() -> None:
    tools = [Tool("rust", "rustc", "rustc 1.85.1 (4eb 2025)"), Tool("rust", "cargo-nextest", "", "not in Debian")]
    said = projectwords.stacks({"rust": ("Cargo.toml",), "go": ("go.mod",)}, {"rust": tools})
    assert "- **rust** (`Cargo.toml`): rustc 1.85.1. **Missing:** cargo-nextest (not in Debian)" in said
    assert "- **go** (`go.mod`): not built yet" in said


def test_no_private_key_is_ever_in_what_ssh_shows() -> None:
    said = projectwords.ssh(replace(ACCESS, include="Include /data/c"))
    assert "ssh tug-harbour" in said
    assert "tugbot ssh setup" in said
    assert "PRIVATE" not in said
    assert "tugbot ssh setup" not in projectwords.ssh(ACCESS)


def test_projects_are_a_table_with_their_trouble() -> None:
    said = projectwords.overview([PROJECT], {"harbour": "running"}, "the engine is slow", 2_000.0)
    assert "| harbour | rust | running | `tug-harbour` | 2 CPU, 4 GB |" in said
    assert "**Trouble:** the engine is slow" in said
    assert "There are no projects yet" in projectwords.overview([], {}, "", 0.0)
