"""Where the contract suite keeps its data: one place per kind of store, opened again and again by one test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from bot.store.memory import Disk, MemoryStore
from bot.store.store import Store
from dispatcher.model import Binding, Event, Message, Notice

AnyStore: TypeAlias = MemoryStore | Store

NO_BINDING = Binding()


@dataclass(slots=True)
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Place:
    """`open` gives a new store on the same data, as a new bot process would; the older ones are fenced by it."""

    maker: Callable[[Clock], Awaitable[AnyStore]]
    clock: Clock = field(default_factory=Clock)
    opened: list[AnyStore] = field(default_factory=list)

    async def open(self) -> AnyStore:
        store = await self.maker(self.clock)
        self.opened.append(store)
        return store

    async def close(self) -> None:
        for store in reversed(self.opened):
            await store.close()


def memory_place() -> Place:
    disk = Disk()

    async def make(clock: Clock) -> AnyStore:
        return MemoryStore(disk, clock=clock)

    return Place(make)


def sql_place(url: str, part: Callable[[], None] = lambda: None) -> Place:
    """`part`: what must happen before a second bot can take the data over."""

    async def make(clock: Clock) -> AnyStore:
        part()
        return await Store.open(url, clock=clock)

    return Place(make)


def event(number: int | str, session: str = "console/local") -> Event:
    return Event(session=session, transport="console", account="me", event_id=str(number))


def text(
    number: int | str, words: str = "hello", session: str = "console/local", default: Binding = NO_BINDING
) -> Message:
    return Message(
        event=event(number, session),
        sender="@ada:example.org",
        sender_name="Ada",
        text=words,
        target=session,
        default=default,
    )


def command(number: int | str, words: str = "status", session: str = "console/local", **binds: str | None) -> Message:
    return Message(
        event=event(number, session),
        sender="@ada:example.org",
        sender_name="Ada",
        text=words,
        target=session,
        kind="command",
        binds=binds,
    )


def notice(words: str, target: str = "console/local", key: str = "") -> Notice:
    return Notice(target, words, key=key)
