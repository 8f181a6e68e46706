"""Markdown becomes the HTML that Matrix clients show, and nothing of it can do harm."""

from __future__ import annotations

import pytest

from transports.matrix.markup import is_plain, to_html


def test_words_alone_need_no_html() -> None:
    assert is_plain(to_html("just words"))
    assert not is_plain(to_html("**strong** words"))
    assert not is_plain(to_html("a < b"))  # else a client could take the text for something else than it shows


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("**a** *b* ~~c~~ `d`", "<p><strong>a</strong> <em>b</em> <s>c</s> <code>d</code></p>"),
        ("# Title", "<h1>Title</h1>"),
        ("> quoted", "<blockquote>\n<p>quoted</p>\n</blockquote>"),
        ("3. three\n4. four", '<ol start="3">\n<li>three</li>\n<li>four</li>\n</ol>'),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("[here](https://example.org/a?b=1&c=2)", '<p><a href="https://example.org/a?b=1&amp;c=2">here</a></p>'),
        ("---", "<hr>"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_the_common_marks(markdown: str, html: str) -> None:
    assert to_html(markdown) == html


def test_code_keeps_its_language_and_its_signs() -> None:
    html = to_html("```rust\nlet a: Vec<u8> = b & c;\n```")
    assert html == '<pre><code class="language-rust">let a: Vec&lt;u8&gt; = b &amp; c;\n</code></pre>'


def test_a_table_stays_a_table() -> None:
    html = to_html("| a | b |\n|---|--:|\n| 1 | `2` |")
    assert "".join(html.split()) == (
        "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
        "<tbody><tr><td>1</td><td><code>2</code></td></tr></tbody></table>"
    )


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:alert(1)">x</a>',
        "![x](https://example.org/pixel.png)",  # would tell who reads it, and when
        '<p style="position:fixed">x</p>',
        "<mx-reply>forged</mx-reply>",
    ],
)
def test_html_in_an_answer_is_text(hostile: str) -> None:
    html = to_html(hostile)
    assert "<script" not in html
    assert "<img" not in html
    assert "<a " not in html
    assert "<mx-reply" not in html
    assert "<p style" not in html


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd"])
def test_links_lead_only_where_links_may_lead(url: str) -> None:
    assert "href" not in to_html(f"[x]({url})")


def test_asides_are_quiet_and_the_rest_is_not() -> None:
    text = "run 8 · claude\nReading `a.py`\n\n**Fixed.**\n"
    html = to_html(text, ((0, 30),))
    quiet, _, loud = html.partition("</p>")
    assert quiet.startswith('<p><span data-mx-color="#')
    assert "run 8 · claude<br>Reading <code>a.py</code>" in quiet
    assert loud.strip() == "<p><strong>Fixed.</strong></p>"


def test_asides_may_touch_and_may_be_blank() -> None:
    text = "one\ntwo\n\nthree"
    html = to_html(text, ((0, 4), (4, 8), (8, 9)))
    assert html.count("<span") == 2
    assert html.endswith("<p>three</p>")


def test_terminal_sequences_and_half_characters_are_gone() -> None:
    assert to_html("\x1b[31m**red**\x1b[0m \ud800\x00") == "<p><strong>red</strong> \ufffd\ufffd</p>"
