"""What Slack says to blocks. Pure.

Limits: https://docs.slack.dev/reference/block-kit/blocks and block-elements. The words of the errors are Slack's, as
reports of them show: "must be less than 3001 characters [json-pointer:/blocks/0/text/text]".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tests.slack_fake.model import Json, Refused

MOST = 50  # blocks of a message
# All text of a message's blocks. Undocumented; from the measurements in slackapi/bolt-js issues 2509 and 2867:
# 13,297 characters in one block were taken, 11,341 in 45 blocks refused, 9,597 in 50 blocks taken.
ALL_TEXT = 13_000  # characters
PER_BLOCK = 50  # characters that each block counts on top

_FIELDS = {
    "actions": {"elements"},
    "context": {"elements"},
    "divider": set[str](),
    "header": {"text", "level"},
    "image": {"image_url", "alt_text", "title", "slack_file"},
    "markdown": {"text"},
    "rich_text": {"elements"},
    "section": {"text", "fields", "accessory", "expand"},
}
_BUTTON = {"type", "text", "action_id", "value", "url", "style", "confirm", "accessibility_label"}


def check(blocks: Any) -> list[Json]:
    """The blocks, with the ids that Slack gives to those that have none. Raises Refused."""
    listed = parsed(blocks)
    errors = list(_all(listed))
    if errors:
        raise Refused(
            "invalid_blocks", errors=errors, response_metadata={"messages": [f"[ERROR] {each}" for each in errors]}
        )
    if sum(map(len, texts(listed))) + PER_BLOCK * len(listed) > ALL_TEXT:
        raise Refused("msg_blocks_too_long")
    return [{**block, "block_id": block.get("block_id") or f"b{number}"} for number, block in enumerate(listed)]


def parsed(blocks: Any) -> list[Json]:
    if isinstance(blocks, str):
        try:
            blocks = json.loads(blocks)
        except ValueError:
            raise Refused("invalid_blocks_format") from None
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    return blocks


def texts(found: Any) -> Iterator[str]:
    """All text in blocks, at whatever depth."""
    if isinstance(found, list):
        for each in found:
            yield from texts(each)
    elif isinstance(found, dict):
        for key, value in found.items():
            if key == "text" and isinstance(value, str):
                yield value
            else:
                yield from texts(value)


def text_objects(found: Any, kind: str) -> Iterator[str]:
    """Of all text objects (and markdown blocks) of one type."""
    if isinstance(found, list):
        for each in found:
            yield from text_objects(each, kind)
    elif isinstance(found, dict):
        if found.get("type") == kind and isinstance(found.get("text"), str):
            yield found["text"]
        for value in found.values():
            yield from text_objects(value, kind)


def buttons(blocks: Sequence[Json]) -> list[Json]:
    """With the id of their block."""
    found: list[Json] = []
    for block in blocks:
        elements: list[Any] = block.get("elements", []) if block.get("type") == "actions" else [block.get("accessory")]
        found += [{**each, "block_id": block.get("block_id")} for each in elements if _is_button(each)]
    return found


def _is_button(element: Any) -> bool:
    return isinstance(element, dict) and element.get("type") == "button"


def _all(blocks: list[Any]) -> Iterator[str]:
    if len(blocks) > MOST:
        yield f"no more than {MOST} items allowed [json-pointer:/blocks]"
    for number, block in enumerate(blocks):
        yield from _block(block, f"/blocks/{number}")
    ids = [block["block_id"] for block in blocks if isinstance(block, dict) and block.get("block_id")]
    yield from _twice(ids, "block_id", "/blocks")
    pressed = [each.get("action_id") for each in buttons([block for block in blocks if isinstance(block, dict)])]
    yield from _twice([each for each in pressed if each], "action_id", "/blocks")


def _twice(ids: Sequence[Any], what: str, at: str) -> Iterator[str]:
    for each in sorted({str(i) for i in ids if ids.count(i) > 1}):
        yield f"`{what}` '{each}' already exists [json-pointer:{at}]"


def _block(block: Any, at: str) -> Iterator[str]:
    if not isinstance(block, dict):
        yield f"must be an object [json-pointer:{at}]"
        return
    kind = block.get("type")
    if kind not in _FIELDS:
        yield f"unsupported type: {kind} [json-pointer:{at}/type]"
        return
    yield from _unknown(block, _FIELDS[kind] | {"type", "block_id"}, at)
    if "block_id" in block:
        yield from _string(block, "block_id", at, 255)
    if kind in _CHECKS:
        yield from _CHECKS[kind](block, at)


def _section(block: Json, at: str) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield f"missing required field: text [json-pointer:{at}]"
    if "text" in block:
        yield from _text(block["text"], f"{at}/text", 3000)
    if "fields" in block:
        yield from _items(block["fields"], f"{at}/fields", 10, lambda each, here: _text(each, here, 2000))
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory")


def _header(block: Json, at: str) -> Iterator[str]:
    yield from _text(block.get("text"), f"{at}/text", 150, ("plain_text",))


def _context(block: Json, at: str) -> Iterator[str]:
    yield from _items(block.get("elements"), f"{at}/elements", 10, _context_element)


def _context_element(element: Any, at: str) -> Iterator[str]:
    if isinstance(element, dict) and element.get("type") == "image":
        yield from _image(element, at)
    else:
        yield from _text(element, at, 3000)


def _actions(block: Json, at: str) -> Iterator[str]:
    yield from _items(block.get("elements"), f"{at}/elements", 25, _element)


def _markdown(block: Json, at: str) -> Iterator[str]:
    yield from _string(block, "text", at, 12_000)


def _image(block: Json, at: str) -> Iterator[str]:
    yield from _string(block, "alt_text", at, 2000)
    yield from _string(block, "image_url", at, 3000)


def _rich_text(block: Json, at: str) -> Iterator[str]:
    if not isinstance(block.get("elements"), list):
        yield f"missing required field: elements [json-pointer:{at}]"


def _element(element: Any, at: str) -> Iterator[str]:
    if not _is_button(element):
        kind = element.get("type") if isinstance(element, dict) else element
        yield f"unsupported type: {kind} [json-pointer:{at}/type]"
        return
    yield from _unknown(element, _BUTTON, at)
    yield from _text(element.get("text"), f"{at}/text", 75, ("plain_text",))
    yield from _string(element, "action_id", at, 255)
    for key, most in (("value", 2000), ("url", 3000), ("accessibility_label", 75)):
        if key in element:
            yield from _string(element, key, at, most)
    if "style" in element and element["style"] not in ("primary", "danger"):
        yield f"must be one of: primary, danger [json-pointer:{at}/style]"
    if "url" in element and not str(element["url"]).startswith(("http://", "https://", "mailto:", "slack:")):
        yield f"invalid url [json-pointer:{at}/url]"


_CHECKS: dict[str, Callable[[Json, str], Iterator[str]]] = {
    "actions": _actions,
    "context": _context,
    "header": _header,
    "image": _image,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "section": _section,
}


def _text(found: Any, at: str, most: int, kinds: Sequence[str] = ("plain_text", "mrkdwn")) -> Iterator[str]:
    if not isinstance(found, dict):
        yield f"missing required field: text [json-pointer:{at}]"
        return
    if found.get("type") not in kinds:
        yield f"unsupported type: {found.get('type')} [json-pointer:{at}/type]"
        return
    yield from _unknown(found, {"type", "text", "emoji" if found["type"] == "plain_text" else "verbatim"}, at)
    yield from _string(found, "text", at, most)


def _string(found: Json, key: str, at: str, most: int) -> Iterator[str]:
    value = found.get(key)
    if not isinstance(value, str):
        yield f"missing required field: {key} [json-pointer:{at}]"
    elif not value:
        yield f"must be more than 0 characters [json-pointer:{at}/{key}]"
    elif len(value) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{at}/{key}]"


def _items(found: Any, at: str, most: int, each_of: Callable[[Any, str], Iterator[str]]) -> Iterator[str]:
    if not isinstance(found, list) or not found:
        yield f"no less than 1 items allowed [json-pointer:{at}]"
        return
    if len(found) > most:
        yield f"no more than {most} items allowed [json-pointer:{at}]"
    for number, each in enumerate(found):
        yield from each_of(each, f"{at}/{number}")


def _unknown(found: Json, known: Iterable[str], at: str) -> Iterator[str]:
    for key in sorted(set(found) - set(known)):
        yield f"no more keys allowed: {key} [json-pointer:{at}]"
