"""The console of a person at a terminal."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from transports.base import Capabilities, MessageRef, Outbound, PermanentFailure, Receiver, Status
from transports.clean import clean_text
from transports.console.handing import HandIn, Sleep, reason_of
from transports.console.local import NAME, SESSION, event_ids, inbound, user_name
from transports.console.preview import Preview
from transports.console.texts import cannot_edit, check_target

if TYPE_CHECKING:  # loading them takes longer than the rest of the start
    from prompt_toolkit import PromptSession
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    from transports.console.printer import Printer

PATIENCE = 5.0  # seconds that leaving waits for messages that were not accepted yet

Complete = Callable[[str], Iterable[tuple[str, str]]]


class InteractiveConsole:
    """`run` returns when the person leaves (Ctrl-D, or Ctrl-C with nothing to stop) or after `close`."""

    name = NAME
    capabilities = Capabilities(edit=False, preview=True, paragraphs=True)

    def __init__(
        self,
        *,
        status: Callable[[], Status],
        complete: Complete = lambda text: (),
        history: Path | None = None,
        banner: str = "",
        user: str | None = None,
        input: Input | None = None,  # noqa: A002, prompt_toolkit's word
        output: Output | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`status` and `complete` must not block. `complete(text before the cursor)` gives (candidate, meaning).

        `history` is created readable by its owner alone; None keeps none. `banner` is Markdown shown first.
        `input` and `output` default to the terminal.
        """
        self._status = status
        self._complete = complete
        self._history = history
        self._banner = banner
        self._user = user or user_name()
        self._input = input
        self._output = output
        self._sleep = sleep
        self._events = event_ids()
        self._sent = itertools.count(1)
        self._made: Printer | None = None
        self._session: PromptSession[str] | None = None
        self._closed = False
        self._previewed = Preview(self._redraw)

    async def run(self, receiver: Receiver) -> None:
        from prompt_toolkit.application import create_app_session
        from prompt_toolkit.patch_stdout import patch_stdout

        hand_in = HandIn(receiver, self._say, self._sleep)
        # Not raw: what a library prints or logs may quote untrusted text, so its escapes stay visible.
        with create_app_session(self._input, self._terminal()), patch_stdout(raw=False):
            await self._converse(hand_in)
        for message in hand_in.pending:
            await self._say(f"Not accepted, please send it again: {message.text}")

    async def send(self, message: Outbound) -> MessageRef:
        """Raises PermanentFailure (closed, terminal gone, not our target)."""
        check_target(message.target)
        if self._closed:
            raise PermanentFailure("The console is closed.")
        await self._printer().show(message)
        return MessageRef(message.target, str(next(self._sent)))

    async def edit(self, ref: MessageRef, message: Outbound) -> None:
        """Raises PermanentFailure, always."""
        raise cannot_edit()

    def preview(self, target: str, text: str) -> None:
        self._previewed.set(text)

    def _redraw(self) -> None:
        if self._session is not None and self._session.app.is_running:
            self._session.app.invalidate()

    async def close(self) -> None:
        self._closed = True
        if self._session is not None and self._session.app.is_running and not self._session.app.is_done:
            self._session.app.exit(exception=EOFError)

    async def _converse(self, hand_in: HandIn) -> None:
        printer = self._printer()
        async with asyncio.TaskGroup() as group:
            self._session = self._new_session(hand_in, group)
            printer.begin()
            printing = group.create_task(printer.work(), name="console printer")
            handing = group.create_task(hand_in.work(), name="console hand-in")
            try:
                await self._say(self._banner)
                await self._read(hand_in, self._session)
                await self._settle(hand_in)
            finally:
                handing.cancel()
                printing.cancel()
                printer.finish()

    def _new_session(self, hand_in: HandIn, group: asyncio.TaskGroup) -> PromptSession[str]:
        from transports.console.prompt import session

        def stop() -> None:
            group.create_task(self._hand(hand_in, "stop"), name="console stop")

        try:
            return session(self._history, self._complete, self._status, stop, self._previewed.lines)
        except OSError as exc:
            self._banner += f"\n\nYour lines are not kept for the next time: {reason_of(exc)}."
            return session(None, self._complete, self._status, stop, self._previewed.lines)

    async def _read(self, hand_in: HandIn, session: PromptSession[str]) -> None:
        while not self._closed:
            try:
                # Signals stay with the composition root; in raw mode Ctrl-C is a key.
                text = await session.prompt_async(handle_sigint=False)
            except EOFError:
                return
            await self._hand(hand_in, clean_text(text).strip("\n"))

    async def _hand(self, hand_in: HandIn, text: str) -> None:
        if text.strip():
            await hand_in.put(inbound(text, next(self._events), self._user))

    async def _settle(self, hand_in: HandIn) -> None:
        try:
            async with asyncio.timeout(0 if self._closed else PATIENCE):
                await hand_in.settled()
        except TimeoutError:
            return  # `run` names what is left

    async def _say(self, text: str) -> None:
        try:
            await self._printer().show(Outbound(SESSION, text))
        except PermanentFailure:
            return  # the terminal is gone, and with it whoever would read this

    def _printer(self) -> Printer:
        from transports.console.printer import Printer

        if self._made is None:
            self._made = Printer(self._terminal())
        return self._made

    def _terminal(self) -> Output:
        from prompt_toolkit.output import create_output

        if self._output is None:
            self._output = create_output()
        return self._output
