"""Markdown as Slack's mrkdwn, and what Slack sends as words. Pure.

https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from transports.clean import clean_output
from transports.slack.lines import Line, as_text
from transports.slack.spans import LONGEST, SPACE, Run, escape, plain, read, written
from transports.slack.tables import drawn

RULE = "───"
INDENT = "    "
BULLETS = "•◦▪"
BOXES = "☐☑"

# As in Matrix, without link references: a definition shows nowhere, so whatever looks like one would be lost.
_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False, "breaks": True, "linkify": False})
    .enable(["table", "strikethrough"])
    .disable("reference")
)
_DEEPEST = 18  # levels; markdown-it leaves out what is nested more deeply than 20
_TASK = re.compile(r"\[([ xX])\](?:\s+|\Z)")
_PIPE = re.compile(r"(?<!\\)\|")


def to_mrkdwn(markdown: str) -> str:
    return "".join(as_text(lines(markdown)))


def lines(markdown: str) -> list[Line]:
    """`markdown` (anyone's) as the lines of a message."""
    text = clean_output(markdown)
    tokens = _MARKDOWN.parse(text)
    if any(token.level > _DEEPEST for token in tokens):
        return [line for source in text.split("\n") for line in _text([[Run("text", source)]])]
    return _joined(_Reader(text, tokens).blocks())


def asides(markdown: str) -> list[Line]:
    """`markdown` line by line: what stands at the start of a line is a sign, and makes no list or heading."""
    made: list[Line] = []
    for source in clean_output(markdown).split("\n"):
        if source.strip():
            made += _text(read(_MARKDOWN.parseInline(source)[0].children or ()))
    return made


# ------------------------------------------------------------ blocks


@dataclass(frozen=True, slots=True)
class _Block:
    lines: Sequence[Line]
    tight: bool = False  # a paragraph in a list without blank lines


class _Reader:
    """Reads the blocks of markdown-it one after the other."""

    def __init__(self, source: str, tokens: Sequence[Token]) -> None:
        self._source = source.split("\n")
        self._tokens = iter(tokens)

    def blocks(self, end: str = "", depth: int = 0) -> list[_Block]:
        """Up to the token `end`, in `depth` lists."""
        found: list[_Block] = []
        for token in self._tokens:
            if token.type == end:
                break
            found.append(_Block(list(self._block(token, depth)), tight=token.hidden))
        return [block for block in found if block.lines]

    def _block(self, token: Token, depth: int) -> Iterator[Line]:
        match token.type:
            case "paragraph_open":
                yield from _text(read(self._inline()))
            case "heading_open":
                yield from _text(read(self._inline(), ("*",)))
            case "blockquote_open":
                quoted = _joined(self.blocks("blockquote_close", depth))
                yield from (line if line.code else replace(line, quotes=line.quotes + 1) for line in quoted)
            case "bullet_list_open":
                yield from self._list("bullet_list_close", depth, None)
            case "ordered_list_open":
                yield from self._list("ordered_list_close", depth, int(token.attrs.get("start", 1)))
            case "table_open":
                yield from self._table(token)
            case "hr":
                yield Line(RULE)
            case _:  # code, fenced or indented
                yield from _code(token)

    def _inline(self) -> Sequence[Token]:
        inline = next(self._tokens)
        next(self._tokens)  # what closes the block
        return inline.children or ()

    def _list(self, end: str, depth: int, number: int | None) -> Iterator[Line]:
        for token in self._tokens:
            if token.type == end:
                return
            marker = BULLETS[depth % len(BULLETS)] if number is None else f"{number}."
            yield from _item(_joined(self.blocks("list_item_close", depth + 1)), marker)
            number = None if number is None else number + 1

    def _table(self, table: Token) -> Iterator[Line]:
        rows: list[list[str]] = []
        aligned: list[str] = []
        whole = True
        for token in self._tokens:
            match token.type:
                case "table_close":
                    break
                case "tr_open":
                    rows.append([])
                    whole = whole and (len(rows) == 1 or self._cells(token) <= len(aligned))
                case "th_open":
                    aligned.append(str(token.attrs.get("style", "")).rpartition(":")[2])
                case "inline":
                    rows[-1].append(" ".join(plain(line) for line in read(token.children or ())))
        # Of rows with more cells than the head has, markdown-it drops the rest: then the table stays as it was written.
        start, end = table.map or (0, 0)
        made = drawn(rows, aligned) if whole else self._source[start:end]
        yield from (line for row in made for line in _code_lines(row))

    def _cells(self, row: Token) -> int:
        start, end = row.map or (0, 0)
        return max((len(_PIPE.split(line.strip(" \t>").strip("|"))) for line in self._source[start:end]), default=0)


def _text(made: Sequence[Sequence[Run]]) -> Iterator[Line]:
    yield from (Line(text) for runs in made for text in written(runs) if text.strip())


def _code(token: Token) -> Iterator[Line]:
    """Slack's fences have no info string. One that is all there is ("```hello") was meant as words."""
    content = token.content.removesuffix("\n") or (token.info.strip() if token.type == "fence" else token.content)
    if content.strip():
        yield from (line for row in content.split("\n") for line in _code_lines(row))


def _code_lines(row: str) -> Iterator[Line]:
    made = _unfenced(row)
    if len(made) <= LONGEST:
        yield Line(made, code=True)
        return
    most = LONGEST // 5  # characters that may become five each
    yield from (Line(_unfenced(row[at : at + most]), code=True) for at in range(0, len(row), most))


def _unfenced(code: str) -> str:
    return escape(re.sub("``(?=`)", f"``{SPACE}", code))


def _item(made: Sequence[Line], marker: str) -> Iterator[Line]:
    if not made or made[0].code:
        yield Line(marker)
    for number, line in enumerate(made):
        if line.code or not line.text:
            yield line
        else:
            yield replace(line, text=INDENT + line.text if number else _marked(line.text, marker))


def _marked(text: str, marker: str) -> str:
    task = _TASK.match(text)
    if task is None:
        return f"{marker} {text}"
    box = BOXES[task[1] != " "]
    return f"{box if marker in BULLETS else f'{marker} {box}'} {text[task.end() :]}".rstrip()


def _joined(blocks: Sequence[_Block]) -> list[Line]:
    made: list[Line] = []
    tight = False
    for block in blocks:
        if made and _apart(made[-1], block.lines[0], tight or block.tight):
            made.append(Line(""))
        made += block.lines
        tight = block.tight
    return made


def _apart(before: Line, after: Line, tight: bool) -> bool:
    """Whether a blank line comes between. Code has room around it as it is, unless it meets other code."""
    return before.code == after.code and (after.code or not tight)


# ------------------------------------------------------------ what Slack sends

_SENT = re.compile(r"<([^<>\n]*)>|&(?:amp|lt|gt);")
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def unescape(text: str, names: Callable[[str], str | None] = lambda user: None) -> str:
    """What Slack sends, as Markdown; `names`: what a user is called, by the id. Other marks stay as they were typed."""

    def said(found: re.Match[str]) -> str:
        if found[1] is None:
            return _ENTITIES[found[0]]
        target, _, label = found[1].partition("|")
        return _reference(_plainly(target), _plainly(label), names) or found[0]

    return _SENT.sub(said, text)


def _reference(target: str, label: str, names: Callable[[str], str | None]) -> str:
    """ "" where it is none that we know."""
    kind, what = target[:1], target[1:]
    if kind == "@":
        name = names(what)
        return f"@{name}" if name else ""
    if kind == "#":
        return f"#{label or what}"
    if kind == "!":
        return _special(what, label)
    return _address(target, label) if _ADDRESS.match(target) else ""


def _special(what: str, label: str) -> str:
    if what.startswith("date^"):
        return label
    name = label or what.rpartition("^")[2]
    return f"@{name.removeprefix('@')}" if name else ""


def _address(url: str, label: str) -> str:
    """What Slack made a link of by itself ("main.py" as well) becomes what was typed."""
    if not label or label == url:
        return url
    typed = ("http://", "https://", "mailto:", "tel:")
    if any(url.rstrip("/") == scheme + label.rstrip("/") for scheme in typed):
        return label
    return f"[{label}]({url})"


def _plainly(text: str) -> str:
    return re.sub("&(?:amp|lt|gt);", lambda found: _ENTITIES[found[0]], text)
