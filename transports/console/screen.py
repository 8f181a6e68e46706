"""Outbound messages as text for a terminal. Loads rich."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.segment import Segment, Segments
from rich.syntax import Syntax
from rich.text import Text
from rich.theme import Theme

from transports.base import Outbound
from transports.clean import clean_output
from transports.console.texts import labelled
from transports.format import to_plain

_PADDING = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)  # rich fills lines up; copied text should not be

ASIDE = {"header", "tool"}  # kinds that tell of the work rather than its result

# No backgrounds and no fixed colours: they must read well on dark terminals and on light ones.
_THEME = Theme(
    {
        "markdown.code": "cyan",
        "markdown.code_block": "none",
        "markdown.h1": "bold",
        "markdown.h2": "bold",
        "markdown.h3": "bold",
        "markdown.item.bullet": "none",
        "markdown.item.number": "none",
        "markdown.link_url": "underline",
        "markdown.hr": "dim",
        "markdown.block_quote": "dim",
    }
)


def rendered(message: Outbound, width: int) -> str:
    """The message with SGR sequences (ECMA-48 §8.3.117) as its only controls, ending in a newline; "" if empty.

    Colours follow NO_COLOR, TERM and COLORTERM.
    """
    text = labelled(message)
    if not text.strip():
        return ""
    if message.kind in ASIDE:
        return _printed(Text(to_plain(text), style="dim"), width)
    try:
        shown = _printed(_Markdown(text), width)
    except Exception:  # rich asserts its way through odd nestings; the words matter more than their looks
        shown = ""
    return shown if shown.strip() else _printed(Text(text), width)  # too deep a nesting is left out by the parser


def _printed(what: RenderableType, width: int) -> str:
    console = Console(
        file=io.StringIO(), force_terminal=True, width=max(width, 20), theme=_THEME, highlight=False, markup=False
    )
    with console.capture() as capture:
        console.print(Segments(_harmless(console.render(what))), end="")
    return _PADDING.sub(r"\1", capture.get()).strip("\n") + "\n"


def _harmless(segments: Iterable[Segment]) -> list[Segment]:
    """Without cursor controls and links, and with text cleaned once more: Markdown entities can spell controls."""
    return [
        Segment(clean_output(segment.text), segment.style.update_link(None) if segment.style else None)
        for segment in segments
        if not segment.control
    ]


class _LeftHeading(Heading):
    LEVEL_ALIGN: ClassVar = {}


class _Code(CodeBlock):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip()
        yield Syntax(code, self.lexer_name, theme="ansi_dark", word_wrap=True, padding=(0, 2))


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _LeftHeading,
        "fence": _Code,
        "code_block": _Code,
    }

    def __init__(self, text: str) -> None:
        super().__init__("", hyperlinks=False)
        # html off: rich leaves HTML out, and `Vec<String>` in an answer is not HTML.
        self.parsed = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).parse(text)
        for token in self.parsed:
            _keep_lines(token)


def _keep_lines(token: Token) -> None:
    """A line break that was written is shown, as chats do."""
    for child in token.children or ():
        if child.type == "softbreak":
            child.type = "hardbreak"
