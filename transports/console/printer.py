"""Messages above the prompt, one writer for all of them. Loads prompt_toolkit and rich."""

from __future__ import annotations

import asyncio
from collections import deque

from prompt_toolkit.application import in_terminal
from prompt_toolkit.output import Output

from transports.base import Outbound, PermanentFailure
from transports.console.screen import rendered


class Printer:
    """Writes at once, or through `work` from `begin` to `finish`, while there is a prompt to keep whole."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._blocks: deque[tuple[str, asyncio.Future[None]]] = deque()
        self._wake = asyncio.Event()
        self._prompting = False
        self._before = ""  # kind of the message shown last

    def begin(self) -> None:
        self._prompting = True

    def finish(self) -> None:
        """Write what `work` has not written, and from now on at once."""
        self._prompting = False
        self._write_all()

    async def work(self) -> None:
        """Take the prompt away, write, put it back; until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            async with in_terminal():
                self._write_all()

    async def show(self, message: Outbound) -> None:
        """On the screen when this returns. Raises PermanentFailure where the terminal is gone."""
        shown: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._blocks.append((self._block(message), shown))
        if self._prompting:
            self._wake.set()
        else:
            self._write_all()
        await shown

    def _block(self, message: Outbound) -> str:
        """The message as it will look, parted by a blank line from anything but its like."""
        text = rendered(message, self._output.get_size().columns)
        close_up = self._before == message.kind == "tool"
        self._before = message.kind if text else self._before
        return text if close_up or not text else "\n" + text

    def _write_all(self) -> None:
        blocks = list(self._blocks)
        self._blocks.clear()
        failure = self._written("".join(text for text, _ in blocks))
        for _, shown in blocks:
            if shown.done():  # whoever waited was cancelled
                continue
            if failure is None:
                shown.set_result(None)
            else:
                shown.set_exception(failure)

    def _written(self, text: str) -> PermanentFailure | None:
        try:
            self._output.write_raw(text)
            self._output.flush()
        except OSError as exc:
            return PermanentFailure(f"The terminal is gone: {exc.strerror or exc}")
        return None
