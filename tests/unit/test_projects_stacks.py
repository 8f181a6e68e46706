"""Stacks are data, and an image is named for what went into it."""

from __future__ import annotations

import dataclasses
import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.projects import imageplan, stacks
from bot.projects.errors import StackUnknown
from bot.projects.imageplan import Base, Recipe
from bot.projects.model import Owner, Stack
from bot.projects.stacks import StackBroken

DOCKER = Path(__file__).parents[2] / "docker"
SHIPPED = stacks.load(DOCKER / "stacks")
FRAGMENTS = {
    "base": (DOCKER / "base/Dockerfile.fragment").read_text(),
    "user": (DOCKER / "base/user.fragment").read_text(),
    **{stack.name: stack.fragment for stack in SHIPPED.values()},
}


def folder(place: Path, *, fragment: str = "RUN true\n", markers: str = "x.toml\n") -> Path:
    place.mkdir(parents=True)
    (place / "Dockerfile.fragment").write_text(fragment)
    (place / "markers").write_text(markers)
    return place


# ---------------------------------------------------------------- what is shipped


def test_all_six_are_there_heavy_and_seldom_changed_ones_first() -> None:
    assert tuple(SHIPPED) == ("rust", "jvm", "go", "node", "python", "ruby")


@pytest.mark.parametrize(
    ("name", "markers"),
    [
        ("rust", {"Cargo.toml"}),
        ("node", {"package.json", "tsconfig.json"}),
        ("go", {"go.mod"}),
        ("python", {"pyproject.toml", "requirements.txt", "setup.py"}),
        ("ruby", {"Gemfile"}),
        ("jvm", {"pom.xml", "build.gradle", "build.gradle.kts"}),
    ],
)
def test_a_stack_is_found_by_the_files_that_its_projects_have(name: str, markers: set[str]) -> None:
    assert set(SHIPPED[name].markers) == markers
    assert {stacks.detect([marker], SHIPPED) for marker in markers} == {(name,)}


@pytest.mark.parametrize("name", FRAGMENTS)
def test_fragments_keep_to_what_the_classic_builder_knows(name: str) -> None:
    instructions = re.sub(r"^[ \t]*#.*\n", "", FRAGMENTS[name], flags=re.MULTILINE)
    for unknown in (r"^\s*FROM\b", r"<<-?\s*['\"]?\w", r"--mount\b", r"--(?:chmod|link|exclude)\b", r"--network\b"):
        assert not re.search(unknown, instructions, re.IGNORECASE | re.MULTILINE), unknown
    assert not re.search(r"^#\s*(?:syntax|escape|check)\s*=", FRAGMENTS[name], re.IGNORECASE | re.MULTILINE)


@pytest.mark.parametrize("name", SHIPPED)
def test_stacks_run_as_root_stay_out_of_the_home_and_print_their_versions_last(name: str) -> None:
    fragment = SHIPPED[name].fragment
    assert not re.search(r"^(?:USER|ENTRYPOINT|CMD|EXPOSE|WORKDIR|VOLUME)\b", fragment, re.MULTILINE)
    last = [step for step in re.split(r"^RUN ", fragment, flags=re.MULTILINE) if step.strip()][-1]
    assert f"/usr/local/lib/tugbot/report {name} " in last


# ---------------------------------------------------------------- detection


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ((), ()),
        (("README.md", "src/main.c"), ()),
        (("Cargo.toml", "src/main.rs"), ("rust",)),
        (("./Cargo.toml",), ("rust",)),
        # several, in the order of composition and not in that of the files
        (("requirements.txt", "go.mod", "package.json", "Cargo.toml"), ("rust", "go", "node", "python")),
        (("pyproject.toml", "setup.py"), ("python",)),
        # the root first
        (("go.mod", "web/package.json"), ("go",)),
        (("README.md", "web/package.json", "server/go.mod"), ("go", "node")),
        # and no further down
        (("a/b/Cargo.toml",), ()),
        (("a/b/Cargo.toml", "web/package.json"), ("node",)),
        # not what others brought along
        (("node_modules/package.json", "vendor/go.mod", ".github/package.json"), ()),
        # whole names, as they are written
        (("cargo.toml", "MyCargo.toml", "Cargo.toml.bak", "Cargo.toml/x"), ()),
        (("", ".", "/", "\ud800", "x" * 5000), ()),
    ],
)
def test_markers_at_the_root_then_one_level_down(paths: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert stacks.detect(paths, SHIPPED) == found


@given(st.lists(st.text() | st.sampled_from(["Cargo.toml", "a/go.mod", "/", "a/../go.mod"])))
def test_every_list_of_files_has_an_answer(paths: list[str]) -> None:
    assert set(stacks.detect(paths, SHIPPED)) <= set(SHIPPED)


def test_chosen_stacks_are_composed_in_the_fixed_order_each_once() -> None:
    assert stacks.choose(["ruby", "rust", "ruby"], SHIPPED) == ("rust", "ruby")
    assert stacks.choose([], SHIPPED) == ()


def test_an_unknown_stack_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(StackUnknown, match=r"no stack `rusty`\. There are: rust, jvm, go, node, python, ruby"):
        stacks.choose(["rust", "rusty"], SHIPPED)
    with pytest.raises(StackUnknown) as caught:
        stacks.choose(["x" * 300], SHIPPED)
    assert "x" * 41 not in str(caught.value)


# ---------------------------------------------------------------- folders


def test_a_new_stack_is_a_new_folder(tmp_path: Path) -> None:
    folder(tmp_path / "zig", markers="# comment\n\nbuild.zig # the build\n  build.zig.zon  \r\n")
    folder(tmp_path / "ada")
    known = stacks.load(DOCKER / "stacks", tmp_path)
    assert tuple(known) == (*SHIPPED, "ada", "zig")
    assert known["zig"].markers == ("build.zig", "build.zig.zon")


def test_a_users_folder_overrides_what_is_shipped(tmp_path: Path) -> None:
    folder(tmp_path / "go", fragment="RUN mine\n")
    known = stacks.load(DOCKER / "stacks", tmp_path)
    assert tuple(known) == tuple(SHIPPED)
    assert known["go"] == Stack("go", "RUN mine\n", ("x.toml",))
    assert known["rust"] == SHIPPED["rust"]


def test_what_is_no_stack_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / ".git").mkdir()
    assert stacks.load(tmp_path, tmp_path / "missing") == {}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda place: (place / "Dockerfile.fragment").unlink(), "No such file"),
        (lambda place: (place / "markers").unlink(), "No such file"),
        (lambda place: (place / "markers").write_bytes(b"\xff"), "utf-8"),
        (lambda place: place.rename(place.with_name("My Stack")), "its name is not"),
        (lambda place: place.rename(place.with_name("x" * 33)), "its name is not"),
        (lambda place: (place / "Dockerfile.fragment").write_text("RUN true\nFROM scratch\n"), "has a FROM"),
        (lambda place: (place / "Dockerfile.fragment").write_text("  from scratch\n"), "has a FROM"),
        (lambda place: (place / "Dockerfile.fragment").write_text("# syntax=docker/dockerfile:1\n"), "syntax line"),
    ],
)
def test_broken_stacks_are_refused_by_their_place(tmp_path: Path, spoil: Callable[[Path], object], told: str) -> None:
    spoil(folder(tmp_path / "mine"))
    with pytest.raises(StackBroken, match=told) as caught:
        stacks.load(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_fragment_may_speak_of_from(tmp_path: Path) -> None:
    folder(tmp_path / "mine", fragment="# FROM is the base's\nRUN echo FROM\nENV FROMAGE=brie\n")
    assert tuple(stacks.load(tmp_path)) == ("mine",)


# ---------------------------------------------------------------- images

CERTIFICATE = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
A, B = CERTIFICATE.format("QUFB"), CERTIFICATE.format("QkJC")
RUST, GO = Stack("rust", "ARG RUST_SOURCE=debian\nRUN rust\n", ()), Stack("go", "ARG GOPROXY=\nRUN go\n", ())
OWNER = Owner(1000, 1000)
BASE = Base(
    "debian:trixie-slim", "sha256:1", "RUN base\n", "ARG DEV_UID\nARG DEV_GID\nUSER dev\n", {"serve": b"#!/bin/sh\n"}
)


def unpacked(recipe: Recipe) -> dict[str, bytes | None]:
    """Directories are None."""
    with tarfile.open(fileobj=io.BytesIO(recipe.context())) as tar:
        found = {}
        for member in tar:
            file = tar.extractfile(member)
            found[member.name] = file.read() if file else None
        return found


def test_same_parts_have_the_same_name() -> None:
    assert imageplan.base(BASE) == imageplan.base(dataclasses.replace(BASE))
    assert imageplan.project("x", [RUST, GO], OWNER, BASE) == imageplan.project(
        "x", (RUST, GO), Owner(1000, 1000), BASE
    )
    assert imageplan.agents("x", ["npm:b", "npm:a", "npm:b"]) == imageplan.agents("x", ["npm:a", "npm:b"])


@pytest.mark.parametrize(
    "parts",
    [
        dataclasses.replace(BASE, image="debian:sid-slim"),
        dataclasses.replace(BASE, image_id="sha256:2"),
        dataclasses.replace(BASE, fragment="RUN other\n"),
        dataclasses.replace(BASE, files={"serve": b"#!/bin/sh\n\n"}),
        dataclasses.replace(BASE, files={"serves": b"#!/bin/sh\n"}),
        dataclasses.replace(BASE, files={}),
        dataclasses.replace(BASE, files={"serve": b"#!/bin/sh\n", "x": b""}),
        dataclasses.replace(BASE, certificates=(A,)),
        dataclasses.replace(BASE, certificates=(B,)),
        dataclasses.replace(BASE, certificates=(A, B)),
    ],
    ids=lambda parts: f"{parts.image_id}",
)
def test_a_changed_part_of_the_base_makes_another_name(parts: Base) -> None:
    assert imageplan.base(parts).tag != imageplan.base(BASE).tag


def test_a_changed_part_of_a_projects_image_makes_another_name() -> None:
    recipes = [
        imageplan.project("x", [RUST, GO], OWNER, BASE),
        imageplan.project("y", [RUST, GO], OWNER, BASE),
        imageplan.project("x", [GO, RUST], OWNER, BASE),
        imageplan.project("x", [RUST], OWNER, BASE),
        imageplan.project("x", [], OWNER, BASE),
        imageplan.project("x", [RUST, dataclasses.replace(GO, fragment="RUN other\n")], OWNER, BASE),
        imageplan.project("x", [RUST, GO], Owner(1001, 1000), BASE),
        imageplan.project("x", [RUST, GO], Owner(1000, 1001), BASE),
        imageplan.project("x", [RUST, GO], OWNER, dataclasses.replace(BASE, user_fragment="USER other\n")),
        imageplan.project("x", [RUST, GO], OWNER, dataclasses.replace(BASE, arguments={"GOPROXY": "y"})),
        imageplan.agents("x", ["npm:a"]),
        imageplan.agents("y", ["npm:a"]),
        imageplan.agents("x", ["npm:a@2"]),
        imageplan.agents("x", ["pip:a"]),
    ]
    assert len({recipe.tag for recipe in recipes}) == len(recipes)
    assert all(re.fullmatch(r"tugbot/(?:project|agents):[0-9a-f]{16}", recipe.tag) for recipe in recipes)


def test_markers_are_no_part_of_an_image() -> None:
    other = dataclasses.replace(RUST, markers=("x",))
    assert imageplan.project("x", [other], OWNER, BASE).tag == imageplan.project("x", [RUST], OWNER, BASE).tag


@given(st.dictionaries(st.text("ab/\0", min_size=1, max_size=3), st.binary(max_size=4), max_size=3))
def test_files_that_differ_are_named_apart(files: dict[str, bytes]) -> None:
    plain = {"a": b"", "b": b"\0a"}
    same = imageplan.base(dataclasses.replace(BASE, files=files)).tag
    assert (same == imageplan.base(dataclasses.replace(BASE, files=plain)).tag) == (files == plain)


def test_a_project_is_its_fragments_in_order_and_then_its_user() -> None:
    recipe = imageplan.project("tugbot/base:1", [RUST, GO], OWNER, BASE)
    order = ["FROM tugbot/base:1\n", "RUN rust", "RUN go", "USER dev"]
    assert sorted(order, key=recipe.dockerfile.index) == order
    assert recipe.dockerfile.startswith("FROM tugbot/base:1\n")
    assert recipe.dockerfile.count("FROM") == 1
    assert recipe.title == "rust + go"
    assert imageplan.project("x", [], OWNER, BASE).title == "base"


def test_build_arguments_that_nothing_takes_are_not_passed_on() -> None:
    parts = dataclasses.replace(BASE, arguments={"GOPROXY": "https://go.example", "RUST": "x", "NODE_VERSION": "24"})
    assert imageplan.project("x", [RUST, GO], OWNER, parts).arguments == {
        "DEV_UID": "1000",
        "DEV_GID": "1000",
        "GOPROXY": "https://go.example",
    }
    assert imageplan.project("x", [RUST], OWNER, parts) == imageplan.project("x", [RUST], OWNER, BASE)


def test_no_build_argument_changes_whose_files_they_are() -> None:
    parts = dataclasses.replace(BASE, arguments={"DEV_UID": "0", "DEV_GID": "0"})
    assert imageplan.project("x", [], OWNER, parts).arguments == {"DEV_UID": "1000", "DEV_GID": "1000"}


def test_the_shipped_parts_make_a_whole_image() -> None:
    recipe = imageplan.project(
        "x", list(SHIPPED.values()), OWNER, dataclasses.replace(BASE, user_fragment=FRAGMENTS["user"])
    )
    assert re.findall(r"^# ---- (\w+)$", recipe.dockerfile, re.MULTILINE) == list(SHIPPED)
    assert recipe.dockerfile.index("RUN groupadd") > recipe.dockerfile.index("report ruby")
    assert recipe.arguments == {"DEV_UID": "1000", "DEV_GID": "1000"}


# ---------------------------------------------------------------- contexts


def test_a_context_is_the_same_bytes_for_the_same_parts() -> None:
    files = {"b": b"2", "a": b"1"}
    one = imageplan.base(dataclasses.replace(BASE, files=files, certificates=(A, B)))
    other = imageplan.base(dataclasses.replace(BASE, files=dict(sorted(files.items())), certificates=(A, B)))
    assert one.context() == one.context() == other.context()


def test_a_context_holds_what_is_copied_and_nothing_of_this_machine() -> None:
    recipe = imageplan.base(dataclasses.replace(BASE, certificates=(A, B)))
    assert unpacked(recipe) == {
        "Dockerfile": b"FROM debian:trixie-slim\nRUN base\n",
        "ca": None,
        "ca/000.crt": A.encode(),
        "ca/001.crt": B.encode(),
        "lib": None,
        "lib/serve": b"#!/bin/sh\n",
    }
    with tarfile.open(fileobj=io.BytesIO(recipe.context())) as tar:
        assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in tar} == {
            (0, 0, 0, "", "")
        }
        assert {member.mode for member in tar if member.isfile()} == {0o644}


def test_a_context_without_certificates_has_their_folder_all_the_same() -> None:
    found = unpacked(imageplan.base(BASE))
    assert [name for name in found if name.startswith("ca/")] == ["ca/README"]


def test_a_projects_context_is_its_dockerfile_alone() -> None:
    assert list(unpacked(imageplan.project("x", [RUST], OWNER, BASE))) == ["Dockerfile"]
    assert list(unpacked(imageplan.agents("x", ["npm:a"]))) == ["Dockerfile"]


# ---------------------------------------------------------------- certificates


@pytest.mark.parametrize(
    ("bundle", "found"),
    [
        ("", ()),
        ("no certificate\n", ()),
        (A, (A,)),
        (B + A, (A, B)),
        (A + B + A + A, (A, B)),
        (f"# Root A\nsubject=…\n{A}\n\ntrailing words\n{B}", (A, B)),
        (A.replace("\n", "\r\n") + A, (A,)),
        (A.rstrip("\n"), (A,)),
        ("-----BEGIN PRIVATE KEY-----\nQUFB\n-----END PRIVATE KEY-----\n" + A, (A,)),
        ("-----BEGIN CERTIFICATE-----\nQUFB\n", ()),
    ],
)
def test_a_bundle_is_split_and_each_certificate_is_there_once(bundle: str, found: tuple[str, ...]) -> None:
    assert imageplan.certificates(bundle) == found


# ---------------------------------------------------------------- agent programs


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("npm:@anthropic-ai/claude-code@2.1", True),
        ("pip:aider-chat[help]==0.86", True),
        ("pip:x>=1", True),
        ("npm:", False),
        ("gem:x", False),
        ("x", False),
        ("npm:--prefix", False),
        ("npm:a b", False),
        ("npm:a;b", False),
        ("npm:$(a)", False),
        ("npm:a\n", False),
        ("npm:a'b", False),
        ("npm:" + "x" * 300, False),
    ],
)
def test_what_a_package_is(text: str, is_one: bool) -> None:
    assert imageplan.is_package(text) is is_one


def test_agent_programs_come_with_a_node_of_their_own_behind_the_projects() -> None:
    recipe = imageplan.agents("tugbot/base:1", ["pip:x>=1", "npm:@a/b@1", "npm:c"])
    text = recipe.dockerfile
    assert text.startswith("FROM tugbot/base:1\nRUN ")
    assert "--prefix /opt/agents/node node@24" in text
    assert "--prefix /opt/agents/npm @a/b@1 c " in text
    assert "/opt/agents/pip/bin/pip install" in text
    assert "'x>=1'" in text  # to the shell, > is a file
    assert text.endswith("RUN /usr/local/lib/tugbot/starters\n")
    assert "ENV" not in text


@pytest.mark.parametrize(("package", "other"), [("npm:a", "pip"), ("pip:a", "npm")])
def test_only_what_is_needed_is_installed(package: str, other: str) -> None:
    assert f"/opt/agents/{other}" not in imageplan.agents("x", [package]).dockerfile
    assert f"{other} install" not in imageplan.agents("x", [package]).dockerfile
