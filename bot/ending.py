"""When the bot shall end: a signal, or nothing left to do. A second signal hurries."""

from __future__ import annotations

import asyncio
import signal


class Ending:
    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.hurry = asyncio.Event()

    def listen(self) -> None:
        """Handle SIGTERM, SIGHUP and SIGINT from here on."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.request)
        loop.add_signal_handler(signal.SIGHUP, self.request)
        loop.add_signal_handler(signal.SIGINT, self.interrupt)

    def request(self) -> None:
        """End in good order; asked again, at once."""
        if self.requested.is_set():
            self.hurry.set()
        self.requested.set()

    def interrupt(self) -> None:
        """Ctrl-C where no console takes it as a key: whoever pressed it does not want to wait."""
        self.hurry.set()
        self.requested.set()
