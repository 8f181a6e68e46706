"""Names and ports: what a project may be called, and where it is reached."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.projects import names, ports
from bot.projects.errors import NameInvalid

WORDS = ("none", "all")


@pytest.mark.parametrize("name", ["a", "harbour", "a1", "a-b", "a-", "alles", "nonesuch", "x" * 39])
def test_names_that_projects_may_have(name: str) -> None:
    assert names.check(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "-a",
        "--stack",
        "1st",
        "Harbour",
        "a_b",
        "a.b",
        "a/b",
        "../a",
        "a b",
        " a",
        "a\n",
        "a\0",
        "a\x1b[31m",
        "ä",
        "ａ",
        "а",  # the Cyrillic one
        "\ud800",
        "x" * 40,
        "x" * 300,
    ],
)
def test_names_that_projects_may_not_have(name: str) -> None:
    with pytest.raises(NameInvalid):
        names.check(name)


@pytest.mark.parametrize("name", WORDS)
def test_words_of_commands_are_no_names_and_the_answer_says_why(name: str) -> None:
    with pytest.raises(NameInvalid, match="means something else in commands"):
        names.check(name)


@pytest.mark.parametrize("name", ["x" * 300, "\0" * 300, "a\x1b[31m`\u202e\ud800\n" * 30])
def test_an_answer_repeats_a_bad_name_only_as_far_as_a_chat_can_show_it(name: str) -> None:
    with pytest.raises(NameInvalid) as caught:
        names.check(name)
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 200
    assert said.count("`") == 2  # those around the name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("https://git.example.org/me/harbour.git", "harbour"),
        ("https://git.example.org/me/Harbour_Master.git/", "harbour-master"),
        ("ssh://git@git.example.org:2222/harbour", "harbour"),
        ("git@git.example.org:me/harbour.git", "harbour"),
        ("git@git.example.org:harbour.git", "harbour"),
        ("~me/harbour", "harbour"),
        ("harbour.git.git", "harbour-git"),
        ("--harbour--", "harbour"),
        ("3d-viewer", "project-3d-viewer"),
        ("naïve", "na-ve"),
        ("日本", "project"),
        (".git", "project"),
        ("", "project"),
        ("///", "project"),
        ("None", "none-2"),
        ("all", "all-2"),
        ("x" * 300, "x" * 39),
        ("x" * 38 + "-y", "x" * 38),
        ("a\x00b\nc", "a-b-c"),
    ],
)
def test_a_repository_gives_its_name(path: str, name: str) -> None:
    assert names.derived(path, ()) == name


def test_a_name_that_is_taken_gets_a_number() -> None:
    taken: list[str] = []
    for _ in range(11):
        taken.append(names.derived("me/harbour", taken))
    assert taken == ["harbour", *(f"harbour-{number}" for number in range(2, 12))]


def test_a_number_fits_into_the_longest_name() -> None:
    taken = {"x" * 39, "x" * 37 + "-2"}
    assert names.derived("x" * 300, taken) == "x" * 37 + "-3"


@given(st.text() | st.sampled_from([*WORDS, "x" * 300]), st.sets(st.text(max_size=3) | st.sampled_from(WORDS)))
@example("a" * 36 + "-bcd", {"a" * 36 + "-bc"})
def test_whatever_the_path_is_the_name_is_valid_and_free(path: str, taken: set[str]) -> None:
    for _ in range(4):
        name = names.derived(path, taken)
        assert names.check(name) not in taken
        taken.add(name)


@given(st.text(st.sampled_from("abc-9"), min_size=1, max_size=39))
def test_a_valid_name_is_derived_from_itself(name: str) -> None:
    if names.NAME.fullmatch(name) and "--" not in name and not name.endswith("-"):
        assert names.derived(str(PurePosixPath("/srv", f"{name}.git")), ()) == name


# ---------------------------------------------------------------- ports


def test_every_port_is_a_candidate_once() -> None:
    found = ports.candidates((), (), seed=7)
    assert sorted(found) == list(range(20_000, 30_000))


def test_ports_of_projects_and_busy_ones_are_none() -> None:
    found = ports.candidates({20_000, 25_000}, [29_999, 80], seed=7)
    assert len(found) == 9_997
    assert {20_000, 25_000, 29_999}.isdisjoint(found)


def test_another_bot_begins_elsewhere_and_the_same_one_at_the_same_place() -> None:
    firsts = {ports.candidates((), (), seed)[0] for seed in range(20)}
    assert len(firsts) > 10
    assert ports.candidates((), (), 7) == ports.candidates((), (), 7)


def test_nothing_is_left_when_all_are_taken() -> None:
    every = range(ports.FIRST, ports.LAST + 1)
    assert ports.candidates(every, (), seed=7) == ()
    assert ports.candidates(every[:-1], (), seed=7) == (29_999,)
    assert ports.candidates(every[:-1], [29_999], seed=7) == ()
