"""Parts of what a chat was shown, and how they change: for every text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.transcript.model import Part
from bot.transcript.parts import applied, difference, parts_of

TEXT = st.text(st.sampled_from("ab \n\t`*é🎉"), max_size=60)
PARTS = st.lists(st.builds(Part, st.sampled_from(["a", "ab", "abc", "b", "c\n\nd"]), st.booleans()), max_size=5)


@st.composite
def shown(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    """A text and slices of it, whatever a writer may come to."""
    text = draw(TEXT)
    place = st.integers(0, len(text) + 3)
    return text, draw(st.lists(st.tuples(place, place), max_size=5))


@given(shown())
def test_every_word_survives_and_no_part_is_blank(given: tuple[str, list[tuple[int, int]]]) -> None:
    text, asides = given
    parts = parts_of(text, asides)
    assert "".join("".join(part.text.split()) for part in parts) == "".join(text.split())
    for part in parts:
        first, last = part.text.split("\n")[0], part.text.split("\n")[-1]
        assert first.strip()
        assert last.strip()


@given(PARTS, PARTS)
def test_a_difference_leads_from_one_to_the_other(old: list[Part], new: list[Part]) -> None:
    keep, append, parts = change = difference(old, new)
    assert applied(old, change) == tuple(new)
    assert keep <= len(old)
    assert keep >= 1 or not append
    assert len(parts) <= len(new)


@given(PARTS, st.text(min_size=1, max_size=9))
def test_what_only_grew_is_told_by_what_it_grew_by(old: list[Part], more: str) -> None:
    last = Part("It begins", aside=False)
    assert difference([*old, last], [*old, Part(last.text + more)]) == (len(old) + 1, more, ())
    assert difference([*old, last], [*old, last]) == (len(old) + 1, "", ())
