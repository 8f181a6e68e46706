"""Markdown as the HTML that Matrix clients show. Pure.

The subset: https://spec.matrix.org/v1.15/client-server-api/#mroommessage-msgtypes, `formatted_body`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import nh3
from markdown_it import MarkdownIt

from transports.clean import clean_output

_TAGS = {
    *("del", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "p", "a", "ul", "ol", "sup", "sub", "li", "b", "i"),
    *("u", "strong", "em", "s", "code", "hr", "br", "table", "thead", "tbody", "tr", "th", "td", "pre", "span"),
}
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}, "code": {"class"}, "span": {"data-mx-color"}}
_SCHEMES = {"https", "http", "ftp", "mailto", "magnet"}
_QUIET = "#8d97a5"  # of lines about the work; readable on light and on dark

# Raw HTML in an answer is shown as text: what an agent writes is anyone's.
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True, "linkify": False}).enable(
    ["table", "strikethrough"]
)


def to_html(text: str, asides: Sequence[tuple[int, int]] = ()) -> str:
    """`text` (Markdown) as HTML; its slices `asides` in a quiet colour."""
    parts, done = [], 0
    for start, end in asides:
        parts += [_rendered(text[done:start]), _quiet(text[start:end])]
        done = end
    parts.append(_rendered(text[done:]))
    return "".join(part for part in parts if part)


def is_plain(html: str) -> bool:
    """Whether it says nothing that the plain text does not: then it need not be sent."""
    return re.fullmatch(r"<p>[^<&]*</p>", html) is not None


def _rendered(markdown: str) -> str:
    if not markdown.strip():
        return ""
    return _clean(_MARKDOWN.render(clean_output(markdown))).strip()


def _quiet(lines: str) -> str:
    inner = "<br>".join(_clean(_MARKDOWN.renderInline(line)) for line in clean_output(lines).strip().splitlines())
    return f'<p><span data-mx-color="{_QUIET}">{inner}</span></p>' if inner else ""


def _clean(html: str) -> str:
    return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel=None)
