"""Markdown becomes Slack's mrkdwn, nothing of it pings anybody, and what Slack sends becomes words."""

from __future__ import annotations

import pytest

from tests.slack_fake.mrkdwn import mistakes, pings
from transports.slack.lines import portions
from transports.slack.markup import lines, to_mrkdwn, unescape


@pytest.mark.parametrize(
    ("markdown", "mrkdwn"),
    [
        ("**a** *b* ~~c~~ `d`", "*a* _b_ ~c~ `d`"),
        ("***a***", "_*a*_"),
        ("**a *b* c**", "*a _b_ c*"),
        ("**a __b__ c**", "*a b c*"),
        ("**`a`** (**b**), **c**.", "*`a`* (*b*), *c*."),
        ("# A **title**", "*A title*"),
        ("a\n\n## B\nc", "a\n\n*B*\n\nc"),
        ("one\ntwo\\\nthree", "one\ntwo\nthree"),
        ("**one\ntwo**", "*one*\n*two*"),  # Slack's marks end with the line
        ("a\n\n---\n\nb", "a\n\n───\n\nb"),
        ("a & b < c > d", "a &amp; b &lt; c &gt; d"),
        ("&lt;&copy;", "&lt;©"),
        ("`a<b>&c`", "`a&lt;b&gt;&amp;c`"),
        ("`` a`b ``", "`aˋb`"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_the_common_marks(markdown: str, mrkdwn: str) -> None:
    assert to_mrkdwn(markdown) == mrkdwn


@pytest.mark.parametrize(
    ("markdown", "mrkdwn"),
    [
        ("foo**bar**baz", "foo\u200b*bar*\u200bbaz"),
        ("**a**`b`", "*a*\u200b`b`"),
        ("a`b`c", "a\u200b`b`\u200bc"),
        ("漢**字**漢", "漢\u200b*字*\u200b漢"),
        ("**a***b*", "*a*\u200b_b_"),
        ("snake_case, 2 * 3 * 4, *.py or *.rs, ~/a ~/b", "snake_case, 2 * 3 * 4, *.py or *.rs, ~/a ~/b"),
        (r"\*not strong\* \_nor\_ \~this\~", "∗not strong∗ ˍnorˍ ∼this∼"),
        ("**all** of *.py", "*all* of ∗.py"),  # the sign would end what ours begins
        ("a ` b", "a ˋ b"),
        (r"\> no quote", "\u200b&gt; no quote"),
    ],
)
def test_marks_take_effect_where_they_are_meant_and_nowhere_else(markdown: str, mrkdwn: str) -> None:
    assert to_mrkdwn(markdown) == mrkdwn


@pytest.mark.parametrize(
    ("markdown", "mrkdwn"),
    [
        ("[here](https://example.org/a?b=1&c=2)", "<https://example.org/a?b=1&amp;c=2|here>"),
        ("[a|b > c](<https://example.org/x|y>)", "<https://example.org/x%7Cy|a∣b &gt; c>"),
        ("**[a *b* `c`](https://example.org)**", "*<https://example.org|a b c>*"),
        ('[a](https://example.org "Title")', "<https://example.org|a> (Title)"),
        ("<https://example.org/a>", "<https://example.org/a>"),
        ("<ann@example.org>", "<mailto:ann@example.org|ann@example.org>"),
        ("[](https://example.org)", "<https://example.org>"),
        ("See https://example.org/a_b_c?x=1&y=(2).", "See <https://example.org/a_b_c?x=1&amp;y=(2)>."),
        ("(https://example.org), **https://example.org**", "(<https://example.org>), *<https://example.org>*"),
        ("`https://example.org`", "`https://example.org`"),
        ("[src/a.py](src/a.py), [b](c.md#d)", "src/a.py, b (c.md#d)"),
        ("![Shot](https://example.org/s.png)", "<https://example.org/s.png|Shot>"),
        ("![](https://example.org/s.png)", "<https://example.org/s.png>"),
        (
            "[![ok](https://example.org/b.svg)](https://example.org)",
            "<https://example.org|ok> <https://example.org/b.svg|🖼>",
        ),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[x](ftp://example.org/a)", "x (ftp://example.org/a)"),
        ("[todo]: fix it", "[todo]: fix it"),  # no link definition, which would show nowhere
    ],
)
def test_links(markdown: str, mrkdwn: str) -> None:
    assert to_mrkdwn(markdown) == mrkdwn


def test_an_address_of_any_length_stays() -> None:
    url = "https://example.org/" + "a" * 2_900
    made = to_mrkdwn(f"[here]({url})")
    assert "<" not in made
    assert made.replace("\n", "") == f"here ({url})"


@pytest.mark.parametrize(
    "hostile",
    [
        "<!channel>",
        "<!here|here>",
        "<@U123>",
        "<!subteam^S1>",
        "`<!channel>`",
        "```\n<@U123>\n```",
        "| <!here> |\n|--|\n",
        *("[a](<https://x.org/><!channel>)", "[<!here>](https://x.org)", "\\<!channel>", "&lt;!channel&gt;"),
        *("<https://x.org|<!here>>", "[x](https://x.org/%3E<!here>)", '[a](https://x.org "<@U1>")', "![<@U1>](a)"),
    ],
)
def test_nothing_pings(hostile: str) -> None:
    made = to_mrkdwn(hostile)
    assert not pings(made)
    assert not list(mistakes(made))


def test_plain_words_that_look_like_mentions_stay_as_they_are() -> None:
    assert to_mrkdwn("ask @here in #general") == "ask @here in #general"


@pytest.mark.parametrize(
    ("markdown", "mrkdwn"),
    [
        ("- a\n- b", "• a\n• b"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("- a\n  - b\n    - c\n- d", "• a\n    ◦ b\n        ▪ c\n• d"),
        ("1. a\n   more\n   - b\n2. c", "1. a\n    more\n    ◦ b\n2. c"),
        ("- a\n\n  b\n- c", "• a\n\n    b\n• c"),
        ("- [ ] a\n- [x] b\n- [X]\n- [y] c", "☐ a\n☑ b\n☑\n• [y] c"),
        ("1. [x] a", "1. ☑ a"),
        ("- ```\n  a\n  ```\n- b", "•\n```\na\n```\n• b"),
        ("a:\n- b\n\nc", "a:\n\n• b\n\nc"),
        ("-\n- a", "•\n• a"),
        ("> a\n> b\n\nc", "> a\n> b\n\nc"),
        ("> a\n>\n> - b\n>   > c", "> a\n>\n> • b\n> │     c"),
        ("> ```\n> a\n> ```", "```\na\n```"),
    ],
)
def test_lists_and_quotes(markdown: str, mrkdwn: str) -> None:
    assert to_mrkdwn(markdown) == mrkdwn


@pytest.mark.parametrize(
    ("markdown", "mrkdwn"),
    [
        ("```rust\nlet a: Vec<u8> = b & *c;\n```", "```\nlet a: Vec&lt;u8&gt; = b &amp; *c;\n```"),
        ("a\n\n```\nb\n\n  c\n```\nd", "a\n```\nb\n\n  c\n```\nd"),
        ("```\na\n```\n```\nb\n```", "```\na\n```\n\n```\nb\n```"),
        ("    a\n      b", "```\na\n  b\n```"),
        ("~~~\n``` and ````\n~~~", "```\n``\u200b` and ``\u200b``\n```"),
        ("```hello", "```\nhello\n```"),
        ("```\nnever closed", "```\nnever closed\n```"),
        ("a ``` b", "a ˋˋˋ b"),
        ("```\n```", ""),
    ],
)
def test_code(markdown: str, mrkdwn: str) -> None:
    assert to_mrkdwn(markdown) == mrkdwn


def test_a_table_is_lined_up() -> None:
    table = "| name | n | |\n|:--|--:|:-:|\n| **漢字** & `x` | 12 | a |\n| [l](https://example.org) | 3 |"
    assert to_mrkdwn(table).splitlines() == [
        "```",
        "name                    |  n |",
        "------------------------+----+--",
        "漢字 &amp; x                | 12 | a",
        "l (https://example.org) |  3 |",
        "```",
    ]


def test_a_wide_table_is_not() -> None:
    made = to_mrkdwn(f"| a | b |\n|--|--|\n| {'x' * 200} | y |\n| z | w |")
    assert made.splitlines()[1:-1] == ["a | b", f"{'x' * 200} | y", "z | w"]


def test_a_table_with_cells_too_many_stays_whole() -> None:
    table = "| a | b |\n|--|--|\n| x | `y || z` |"
    assert to_mrkdwn(table) == f"```\n{table}\n```"


@pytest.mark.parametrize("lead", ["> ", "- ", "1. ", "> - "])
def test_what_is_nested_too_deeply_is_words(lead: str) -> None:
    for depth in range(1, 40):
        made = to_mrkdwn(lead * depth + "word")
        assert "word" in made
        assert not list(mistakes(made))


def test_controls_go() -> None:
    assert to_mrkdwn("a\x1b[31mb\x00c\u202ed") == "ab\ufffdcd"


# ---------------------------------------------------------------- cutting


def test_paragraphs_are_cut_between_them() -> None:
    text = "\n\n".join(f"{number} " + "word " * 150 for number in range(9))
    made = list(portions(lines(text), 3_000))
    assert [part[0] for part in made] == ["0", "3", "6"]


def test_code_is_closed_and_opened_again() -> None:
    text = "a\n```py\n" + "x = '<>'\n" * 800 + "```\nb"
    made = list(portions(lines(text), 3_000))
    assert len(made) > 3
    assert all(len(part) <= 3_000 and part.count("```") == 2 for part in made)
    assert "".join(made).count("x = '&lt;&gt;'") == 800


def test_a_line_without_end_is_cut_between_words_with_its_marks() -> None:
    text = "**" + "word & " * 1_000 + "[end](https://example.org)**"
    made = list(portions(lines(text), 3_000))
    assert all(len(part) <= 3_000 for part in made)
    for line in "\n".join(made).split("\n"):
        assert line.startswith("*")
        assert line.endswith("*")
        assert line.count("*") == 2
    assert "".join(made).count("&amp;") == 1_000
    assert made[-1].endswith("<https://example.org|end>*")


# ---------------------------------------------------------------- what Slack sends


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("a &lt;b&gt; &amp;&amp; c", "a <b> && c"),
        ("&amp;lt;", "&lt;"),
        ("<https://example.org/a?b=1&amp;c=2>", "https://example.org/a?b=1&c=2"),
        ("<https://example.org|here &amp; now>", "[here & now](https://example.org)"),
        ("<https://example.org|https://example.org>", "https://example.org"),
        ("edit <http://main.py|main.py>", "edit main.py"),
        ("<mailto:a@example.org|a@example.org>", "a@example.org"),
        ("<tel:+123|+123>", "+123"),
        ("<#C1|general> <#C2> <#C3|>", "#general #C2 #C3"),
        ("<!here> <!channel|channel> <!everyone|@everyone>", "@here @channel @everyone"),
        ("<!subteam^S1|@team> <!subteam^S2>", "@team @S2"),
        ("<!date^1392734382^{date}^https://example.org/|Feb 18>", "Feb 18"),
        ("<@U1> <@U2|bob> <@U3>", "@Ann <@U2|bob> <@U3>"),
        ("*bold* _it_ `code` ~no~ <b", "*bold* _it_ `code` ~no~ <b"),
        ("<foo>", "<foo>"),
    ],
)
def test_what_slack_sends_becomes_words(sent: str, words: str) -> None:
    assert unescape(sent, {"U1": "Ann"}.get) == words


def test_mentions_stay_where_nobody_knows_names() -> None:
    assert unescape("<@U1>: hi") == "<@U1>: hi"
