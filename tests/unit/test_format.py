"""What splitting, paragraphs and plain text look like to a reader."""

from __future__ import annotations

import time

import pytest

from transports.clean import clean_name, clean_output, clean_text
from transports.format import Paragraphs, split_markdown, to_plain


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert split_markdown("one\n\n  two", 64) == ["one\n\n  two"]


def test_nothing_makes_no_part() -> None:
    assert split_markdown(" \n\n", 64) == []


def test_parts_end_at_paragraphs_first() -> None:
    one, two = "a word " * 6, "b line\n" * 5
    assert split_markdown(f"{one}\n\n{two}", 64) == [one.strip(), two.strip()]


def test_then_at_lines_then_at_words() -> None:
    assert split_markdown("a b\n" * 20, 64) == [("a b\n" * 16).strip(), ("a b\n" * 4).strip()]
    assert split_markdown("abc " * 20, 64) == [("abc " * 16).strip(), ("abc " * 4).strip()]


def test_a_word_of_60_kb_is_cut_hard() -> None:
    word = "x" * 60_000
    parts = split_markdown(f"see {word}", 4000)
    assert parts[0] == "see"
    assert "".join(parts[1:]) == word
    assert max(map(len, parts)) == 4000


def test_a_fence_is_closed_and_reopened_with_its_language() -> None:
    code = "\n".join(f"line {n}" for n in range(12))
    parts = split_markdown(f"Look:\n```python\n{code}\n```\nDone.", 64)
    assert parts[0].startswith("Look:\n```python\nline 0\n")
    assert parts[0].endswith("\n```")
    assert parts[1].startswith("```python\nline ")
    assert parts[-1].endswith("```\nDone.")


def test_no_empty_code_block_is_left_at_a_border() -> None:
    fits_before_closer = "```\n" + "a" * 56 + "\n```\n" + "tail " * 5
    assert all("```\n```" not in part for part in split_markdown(fits_before_closer, 64))
    opener_at_end = "w" * 50 + "\n```\n" + "b" * 50 + "\n```"
    assert split_markdown(opener_at_end, 64) == ["w" * 50, "```\n" + "b" * 50 + "\n```"]


def test_code_that_shows_an_indented_fence_is_not_ended_by_it() -> None:
    text = '```python\ndef f():\n    """\n    ```\n    example\n    ```\n    """\n```'
    assert to_plain(text) == 'def f():\n    """\n    ```\n    example\n    ```\n    """'


def test_a_cut_line_makes_no_fence_of_its_own() -> None:
    text = "word " * 12 + "~~~~~~ " + "more " * 12
    parts = split_markdown(text, 64)
    assert "".join(parts).count("~") == 6
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_an_info_string_too_long_to_repeat_is_kept_where_it_stood() -> None:
    info = "i" * 40
    assert f"```{info}\n" in "\n".join(split_markdown(f"{'w' * 15}\n```{info}\n{'c' * 50}\n```", 64))


def test_a_shorter_fence_does_not_close_a_longer_one() -> None:
    assert to_plain("````md\n```\n````\n**x**") == "```\nx"


def test_an_unclosed_fence_is_closed() -> None:
    assert split_markdown("```sh\nls", 64) == ["```sh\nls\n```"]


@pytest.mark.parametrize("unit", ["```a ", "~~~ ", "> ", "[", "**", "`", "\n", "a\n```\n", "1. "])
def test_hostile_text_takes_no_long_time(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    began = time.perf_counter()
    split_markdown(text, 4000)
    to_plain(text)
    Paragraphs(4000).feed(text)
    assert time.perf_counter() - began < 5


def test_a_blank_line_ends_a_paragraph() -> None:
    paragraphs = Paragraphs(1000)
    assert paragraphs.feed("One.\nStill") == []
    assert paragraphs.feed(" one.\n\nTwo") == ["One.\nStill one."]
    assert paragraphs.rest() == ["Two"]
    assert paragraphs.rest() == []


def test_a_blank_line_in_code_does_not() -> None:
    paragraphs = Paragraphs(1000)
    assert paragraphs.feed("```\na\n\nb\n") == []
    assert paragraphs.feed("```\n\n") == ["```\na\n\nb\n```"]


def test_code_over_the_limit_is_given_out_in_parts() -> None:
    paragraphs = Paragraphs(64)
    parts = paragraphs.feed("```py\n" + "code here\n" * 20)
    assert parts[0] == "```py\n" + "code here\n" * 5 + "```"
    assert paragraphs.rest()[-1].endswith("code here\n```")


def test_after_the_rest_it_starts_afresh() -> None:
    paragraphs = Paragraphs(64)
    paragraphs.feed("```\nopen")
    assert paragraphs.rest() == ["```\nopen\n```"]
    assert paragraphs.feed("text\n\n") == ["text"]


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("## Title", "Title"),
        ("**bold** and `code`", "bold and code"),
        ("- **`a.py`**: new", "- a.py: new"),
        ("```py\n# x **y**\n```", "# x **y**"),
        ("[docs](https://example.org/a)", "docs (https://example.org/a)"),
        ("[https://e.org](https://e.org)", "https://e.org"),
        ("__init__.py, *.c and 2 ** 3 ** 4", "__init__.py, *.c and 2 ** 3 ** 4"),
        ("f(**a, **b)", "f(**a, **b)"),
        ("`**kwargs`", "**kwargs"),
        ("#hashtag\n1. one", "#hashtag\n1. one"),
    ],
)
def test_plain_text(markdown: str, plain: str) -> None:
    assert to_plain(markdown) == plain


def test_clean_text() -> None:
    assert clean_text("a\x00b\ud800c\r\nd\te\x1b[1m\x7f\x85") == "a\ufffdb\ufffdc\nd\te[1m"


def test_clean_name() -> None:
    assert clean_name(" Ada\n\u202e  L. ") == "Ada L."
    assert clean_name("\x01") == "unknown"


def test_clean_output_drops_sequences_with_their_arguments() -> None:
    raw = "a\x1b]8;;http://evil\x1b\\link\x1b]8;;\x07 \x1b[1;31mred\x1b[0m \x1b]52;c;aGk=\x07\u202eb\x9b2Jc"
    assert clean_output(raw) == "alink red bc"


def test_an_unterminated_sequence_costs_one_line() -> None:
    assert clean_output("\x1b]0;title\nthe answer") == "\nthe answer"
