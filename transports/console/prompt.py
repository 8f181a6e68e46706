"""The line that a person types in, with history, completion and a status line. Loads prompt_toolkit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.styles import Style

from transports.base import Status
from transports.clean import clean_text
from transports.console.reading import joined
from transports.console.texts import is_busy, status_line

Complete = Callable[[str], Iterable[tuple[str, str]]]

REDRAW = 0.1  # seconds between two redraws at least: an answer may come in ten thousand pieces a second
REFRESH = 0.5  # seconds between two looks at the status
ROOM = 8  # rows that the prompt, a few lines of typing and the status line take
PROMPT = "you ▸ "
_GAP = "\n"  # above the prompt, so that it stands apart from what was said

_STYLE = Style.from_dict(
    {"preview": "fg:ansibrightblack", "bottom-toolbar": "noreverse fg:ansibrightblack", "prompt": "bold"}
)


def session(
    history: Path | None,
    complete: Complete,
    status: Callable[[], Status],
    stop: Callable[[], None],
    preview: Callable[[int, int], str],
) -> PromptSession[str]:
    """`preview(columns, rows)` gives what stands above the prompt for a while, in at most so much room.

    A prompt whose `prompt_async` gives the text typed, or raises EOFError when the person leaves.

    `stop` is called for Ctrl-C while `status` shows work. Raises OSError where the history cannot be kept.
    """
    made: PromptSession[str] = PromptSession(
        lambda: [("class:preview", _above(preview)), ("", _GAP), ("class:prompt", PROMPT)],
        history=kept_history(history),
        completer=_Words(complete),
        complete_while_typing=False,
        key_bindings=_bindings(status, stop),
        bottom_toolbar=lambda: status_line(status()),
        refresh_interval=REFRESH,
        prompt_continuation=" " * (len(PROMPT) - 2) + "▸ ",
        style=_STYLE,
    )
    made.app.min_redraw_interval = REDRAW
    return made


def _above(preview: Callable[[int, int], str]) -> str:
    size = get_app().output.get_size()
    text = preview(size.columns, max(0, size.rows - ROOM))
    return f"\n{text}\n" if text else ""


def kept_history(path: Path | None) -> History:
    """History in a file that only its owner reads; None keeps it in memory. Raises OSError."""
    if path is None:
        return InMemoryHistory()
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, 0o600)  # an older file may be open to others
    finally:
        os.close(fd)
    return _File(str(path))


class _File(FileHistory):
    """A full disk later on costs the history, not the line that was typed."""

    failed = False

    def store_string(self, string: str) -> None:
        if string.startswith(" "):  # as shells do: a way to keep a line out of the file
            return
        try:
            super().store_string(clean_text(string))
        except OSError:
            self.failed = True  # nobody is told: the store on the same disk has more to say about it


class _Words(Completer):
    """Candidates that begin with the whole line replace it, others replace the last word."""

    def __init__(self, complete: Complete) -> None:
        self._complete = complete

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        word = text.split(" ")[-1]
        for candidate, meta in self._complete(text):
            whole = candidate.lower().startswith(text.lower())
            yield Completion(candidate, start_position=-len(text if whole else word), display_meta=meta)


def _bindings(status: Callable[[], Status], stop: Callable[[], None]) -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("c-c", eager=True)
    def _(event: KeyPressEvent) -> None:
        if is_busy(status()):
            stop()
        elif event.current_buffer.text:
            event.current_buffer.reset()  # as in a shell: the first Ctrl-C drops the line
        else:
            event.app.exit(exception=EOFError, style="class:exiting")

    @bindings.add("enter", filter=_continued)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.delete_before_cursor()
        event.current_buffer.insert_text("\n")

    @bindings.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return bindings


@Condition
def _continued() -> bool:
    """The cursor stands behind a backslash that ends the text."""
    document = get_app().current_buffer.document
    return document.is_cursor_at_the_end and joined(document.text, None)[1]
