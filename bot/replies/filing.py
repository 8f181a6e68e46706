"""Answers that are too long for messages go as a file."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import cast

from transports.base import PermanentFailure, TemporaryFailure, Transport, Uploading

log = logging.getLogger(__name__)

PAGES = 4  # messages of one answer; a longer one is a file, where the network takes files
PATIENCE = 20.0  # seconds for the upload; after that it goes in parts
AGAIN = 1.0  # seconds before another attempt, where the network names no time

GOES_ON = "… the answer goes on. The rest comes when the run has ended."
UNSHOWN = "The rest of the answer was not shown."


def holds_all(name: str, characters: int) -> str:
    return f"The answer has {characters:,} characters: the file `{name}` holds all of it."


@dataclass(frozen=True, slots=True)
class Filing:
    """Where the files of one reply go."""

    transport: Uploading
    target: str

    async def file(self, name: str, text: str) -> bool:
        """False: it has to be told in another way."""
        content = text.encode("utf-8", "replace")
        try:
            async with asyncio.timeout(PATIENCE):
                await self._insist(name, content)
        except (TimeoutError, PermanentFailure) as exc:
            log.info("%s does not go to %s as a file: %s", name, self.target, exc or "it takes too long")
            return False
        except Exception:  # of a transport's own making; the run's end must not be lost by it
            log.exception("%s could not be sent to %s", name, self.target)
            return False
        return True

    async def _insist(self, name: str, content: bytes) -> None:
        while True:
            try:
                await self.transport.upload(self.target, name, content)
            except TemporaryFailure as exc:
                log.info("%s is not taken yet: %s", name, exc)
                await asyncio.sleep(exc.retry_after or AGAIN)
            else:
                return


def filing(transport: Transport | None, target: str) -> Filing | None:
    """None: the network takes no files."""
    if transport is None or not transport.capabilities.upload:
        return None
    return Filing(cast("Uploading", transport), target)
