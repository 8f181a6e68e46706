"""Which of our messages can be answered by a reaction, and what each reaction says. Remembered across restarts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from transports.base import Choice

PREFIX = "choices/"  # of keepsakes; behind it the event's id
MOST = 200  # messages; the oldest are forgotten, their reactions say nothing any more
STOP = frozenset({"🛑", "⏹"})  # on any message of ours


@dataclass(frozen=True, slots=True)
class Offer:
    key: str  # of the message (Outbound.key)
    target: str
    texts: Mapping[str, str]  # by symbol


class Offers:
    def __init__(self) -> None:
        self._offers: dict[str, Offer] = {}  # by event id, oldest first

    def load(self, kept: Mapping[str, str]) -> None:
        """`kept`: the keepsakes under PREFIX."""
        found = {key.removeprefix(PREFIX): json.loads(value) for key, value in kept.items()}
        earlier = {
            event: Offer(each["key"], each["target"], each["texts"])
            for event, each in sorted(found.items(), key=lambda item: float(item[1]["at"]))
        }
        self._offers = {**earlier, **self._offers}  # what was said before this was read stays

    def add(
        self, event_id: str, key: str, target: str, choices: tuple[Choice, ...], now: float
    ) -> dict[str, str | None]:
        """What to write down."""
        texts = {plain(choice.symbol): choice.text for choice in choices}
        self._offers[event_id] = Offer(key, target, texts)
        kept = json.dumps({"key": key, "target": target, "texts": texts, "at": now})
        changes: dict[str, str | None] = {PREFIX + event_id: kept}
        while len(self._offers) > MOST:
            oldest = next(iter(self._offers))
            del self._offers[oldest]
            changes[PREFIX + oldest] = None
        return changes

    def of(self, event_id: str) -> Offer | None:
        return self._offers.get(event_id)


def plain(symbol: str) -> str:
    """Without the selector that asks for the coloured form: clients differ in sending it."""
    return symbol.replace("\ufe0f", "")
