"""What chats were shown: the twin, SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.transcript.model import Attached, Part, Said
from dispatcher.model import Fenced
from tests.contract.store_places import AnyStore, Place, memory_place, sql_place, text
from tests.contract.store_templates import empty_database, postgres_shared, postgres_template, sqlite_template
from tests.postgres import postgres
from transports.base import Choice

__all__ = ["postgres", "postgres_shared", "postgres_template", "sqlite_template"]  # fixtures

HERE, THERE = "web/console:root", "slack/T/C"
STOP = Choice("stop 3", "Stop", "🛑")


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    place = memory_place() if request.param == "memory" else sql_place(*empty_database(request, tmp_path))
    yield place
    await place.close()


@pytest.fixture
async def store(place: Place) -> AnyStore:
    return await place.open()


def said(words: str, session: str = HERE, **more: object) -> Said:
    plain = {"target": session, "ref": f"ref of {words}", "key": "", "kind": "answer", "at": 5.25}
    return Said(id=0, session=session, parts=(Part(words),), **{**plain, **more})  # type: ignore[arg-type]


def words(found: object) -> list[str]:
    return [each.parts[0].text for each in found]  # type: ignore[attr-defined]


async def test_all_that_is_known_of_one_is_kept(place: Place, store: AnyStore) -> None:
    whole = replace(
        said("▸ cargo test ✔"),
        key="run/3/1",
        parts=(Part("▸ cargo test ✔", aside=True), Part("It is «fine» 🎉")),
        choices=(STOP, Choice("deny k3", "Deny", "❌")),
        run=3,
        changed_at=6.5,
        file=Attached("answer-3.md", 2**40, kept=True),
    )
    number = await store.transcript.add(whole)
    plain = await store.transcript.add(said("x", THERE))
    again = await place.open()
    assert await again.transcript.get(number) == replace(whole, id=number)
    assert await again.transcript.get(plain) == replace(said("x", THERE), id=plain)
    assert await again.transcript.get(99) is None


async def test_ids_are_given_out_at_the_call_and_go_on_after_a_restart(place: Place, store: AnyStore) -> None:
    calls = [store.transcript.add(said(str(number))) for number in range(3)]
    assert await asyncio.gather(*calls) == [1, 2, 3]
    assert await (await place.open()).transcript.add(said("next")) == 4


async def test_it_is_behind_what_was_handed_in_before(store: AnyStore) -> None:
    done: list[str] = []
    for name, call in (
        ("put", store.inbox.put(text(1), max_waiting=9, refusal=None)),
        ("say", store.transcript.add(said("one"))),
        ("anew", store.transcript.change(replace(said("two"), id=1))),
    ):
        call.add_done_callback(lambda _, name=name: done.append(name))  # type: ignore[misc]
    assert await call is True
    assert done == ["put", "say", "anew"]


async def test_page_after_page_the_newest_first(store: AnyStore) -> None:
    for number in range(5):
        await store.transcript.add(said(f"h{number}"))
        await store.transcript.add(said(f"t{number}", THERE))
    newest = await store.transcript.page(HERE, limit=2)
    assert words(newest) == ["h4", "h3"]
    assert words(await store.transcript.page(HERE, limit=2, before=newest[-1].id)) == ["h2", "h1"]
    assert words(await store.transcript.page(HERE, limit=9, before=newest[-1].id)) == ["h2", "h1", "h0"]
    assert list(await store.transcript.page("web/console", limit=9)) == []


async def test_a_change_changes_what_a_chat_shows_anew_and_nothing_else(place: Place, store: AnyStore) -> None:
    number = await store.transcript.add(replace(said("one"), choices=(STOP,), run=3))
    anew = replace(
        said("two", THERE, ref="other", at=99.0), id=number, kind="failure", key="run/3/1", changed_at=7.0, run=9
    )
    assert await store.transcript.change(anew)
    assert not await store.transcript.change(replace(anew, id=99))
    found = await (await place.open()).transcript.get(number)
    assert found == replace(anew, session=HERE, target=HERE, ref="ref of one", at=5.25, run=3)


async def test_by_the_networks_id_the_newest_is_found(store: AnyStore) -> None:
    for name in ("old", "new"):
        await store.transcript.add(said(name, ref="1"))
    await store.transcript.add(said("elsewhere", THERE, ref="1"))
    found = await store.transcript.named(HERE, "1")
    assert found is not None
    assert words([found]) == ["new"]
    assert await store.transcript.named(HERE, "2") is None


async def test_what_a_network_took_twice_under_one_key_is_there_once(store: AnyStore) -> None:
    first = await store.transcript.add(said("one", ref="$1", key="k"))
    again = await asyncio.gather(*(store.transcript.add(said(f"again {n}", ref="$1", key="k")) for n in range(2)))
    assert again == [first, first]
    others = [
        said("without a key", ref="$1"),
        said("without a key", ref="$1"),
        said("another message", ref="$2", key="k"),
        said("another target", THERE, ref="$1", key="k"),
    ]
    assert len({await store.transcript.add(each) for each in others}) == 4
    found = await store.transcript.get(first)
    assert found is not None
    assert words([found]) == ["one"]


async def test_whoever_was_replaced_changes_nothing(place: Place, store: AnyStore) -> None:
    await place.open()
    with pytest.raises(Fenced):
        await store.transcript.add(said("one"))
    with pytest.raises(Fenced):
        await store.transcript.change(replace(said("one"), id=1))
