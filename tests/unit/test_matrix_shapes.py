"""What is let through to nio: events of a shape that something can be made of."""

from __future__ import annotations

from typing import Any

import nio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.matrix.shapes import is_sound, sound

GOOD = {
    "event_id": "$1",
    "type": "m.room.message",
    "sender": "@ann:example.org",
    "origin_server_ts": 1_700_000_000_000,
    "content": {"msgtype": "m.text", "body": "hello"},
    "unsigned": {"age": 4},
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def sync(*events: object) -> dict[str, Any]:
    return {"next_batch": "s1", "rooms": {"join": {"!r": {"timeline": {"events": list(events)}}}}}


@pytest.mark.parametrize("key", ["event_id", "type", "sender", "content", "unsigned", "origin_server_ts", "state_key"])
@pytest.mark.parametrize("value", [None, 7.5, [], {"a": []}, "x" * 3, 10**400], ids=repr)
def test_an_event_with_a_field_of_another_type_is_passed_over(key: str, value: object) -> None:
    fits = {
        "content": isinstance(value, dict),
        "unsigned": isinstance(value, dict),
        "origin_server_ts": False,
    }.get(key, isinstance(value, str))
    assert is_sound({**GOOD, key: value}) is fits
    kept = sound(sync(GOOD, {**GOOD, key: value}, 7, None))["rooms"]["join"]["!r"]["timeline"]["events"]
    assert kept == [GOOD, *([{**GOOD, key: value}] if fits else [])]


@given(VALUES, st.dictionaries(st.sampled_from(["rooms", "chunk", "join", "timeline", "events"]), VALUES))
def test_any_answer_is_taken(body: object, table: dict[str, object]) -> None:
    sound(body)
    sound(table)
    sound({"rooms": {"join": table, "invite": {"!r": body}}, "chunk": body})


@given(st.lists(st.dictionaries(st.sampled_from(sorted(GOOD)), VALUES).map(lambda part: {**GOOD, **part}), max_size=4))
def test_what_is_let_through_nio_can_read(events: list[dict[str, Any]]) -> None:
    body = sound({"chunk": events, "start": "a", "end": "b"})
    nio.RoomMessagesResponse.from_dict(body, "!r")
