"""ACP's session updates as events of a turn. Keeps only what a later update is merged with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from acp import schema
from pydantic import ValidationError

from bot.agents.base import AgentEvent, Plan, PlanItem, TextDelta, Thought, ToolCall, Usage
from bot.agents.text import Cleaner, clean, one_line

MAX_CALLS = 1000  # tool calls remembered; more are upserted without their earlier fields
DETAIL = 2000  # characters of a tool call's detail


class Updates:
    """Translates updates in order. Those of unknown kind are skipped: the schema moves fast."""

    def __init__(self, cost: float | None = None) -> None:
        """`cost`: US dollars of the conversation so far; None: not known."""
        self._calls: dict[str, ToolCall] = {}
        self._cleaner = Cleaner()
        self._speaking: type[TextDelta] | type[Thought] = TextDelta
        self.cost = cost

    def begin(self, fresh: bool) -> None:
        """The next update belongs to this turn. A fresh conversation has cost nothing so far."""
        if fresh:
            self.cost = 0.0

    def replay(self, params: object) -> None:
        """History that `session/load` repeats: only the cost so far is of interest."""
        if isinstance(update := _validated(params), schema.UsageUpdate):
            self._cost_delta(update.cost)

    def translate(self, params: object) -> Iterator[AgentEvent]:
        update = _validated(params)
        match update:
            case schema.AgentMessageChunk():
                yield from self._say(TextDelta, update.content)
            case schema.AgentThoughtChunk():
                yield from self._say(Thought, update.content)
            case None | schema.UserMessageChunk():
                return
            case _:
                yield from self.flush()
                yield from self._other(update)

    def flush(self) -> Iterator[AgentEvent]:
        """What the last text still held back, at a change of subject or at the end."""
        if text := self._cleaner.feed("", final=True):
            yield self._speaking(text)

    def tool_call(self, update: schema.ToolCall | schema.ToolCallUpdate) -> ToolCall:
        """The call with everything known of it: gemini reports only the end of a call that it asked about."""
        key = clean(update.tool_call_id)[:200]
        known = self._calls.get(key) or ToolCall(key, title="")
        call = ToolCall(
            id=key,
            title=one_line(update.title or "") or known.title or "tool call",
            kind=update.kind or known.kind,
            status=update.status or known.status,
            detail=_detail(update) or known.detail,
        )
        if len(self._calls) < MAX_CALLS or key in self._calls:
            self._calls[key] = call
        return call

    def _say(self, speaking: type[TextDelta] | type[Thought], content: object) -> Iterator[AgentEvent]:
        if speaking is not self._speaking:
            yield from self.flush()
            self._speaking = speaking
        if text := self._cleaner.feed(_block_text(content)):
            yield speaking(text)

    def _other(self, update: object) -> Iterator[AgentEvent]:
        match update:
            case schema.ToolCallStart() | schema.ToolCallProgress():
                yield self.tool_call(update)
            case schema.AgentPlanUpdate():
                yield Plan(tuple(PlanItem(one_line(entry.content), entry.status) for entry in update.entries))
            case schema.UsageUpdate() if delta := self._cost_delta(update.cost):
                yield Usage(cost_delta=delta, cost_total=self.cost)

    def _cost_delta(self, cost: schema.Cost | None) -> float:
        if cost is None or cost.currency != "USD":
            return 0.0
        # A resumed conversation whose cost so far was not replayed: better to count nothing than all of it again.
        before = cost.amount if self.cost is None else self.cost
        # Below what it was: the program counts from its own start.
        self.cost = cost.amount
        return cost.amount - before if cost.amount >= before else cost.amount


def tokens(usage: schema.Usage | None) -> Iterator[AgentEvent]:
    """Tokens of the turn, as its end reports them."""
    if usage is not None:
        yield Usage(input=usage.input_tokens, output=usage.output_tokens)


def tool_input(call: schema.ToolCallUpdate) -> str:
    """The full input of a tool that asks for permission, as text."""
    if call.raw_input is not None:
        return _plain(call.raw_input)
    return "\n".join(_contents(call))


def _validated(params: object) -> object | None:
    try:
        return cast("object", schema.SessionNotification.model_validate(params).update)
    except ValidationError:
        return None


def _block_text(block: object) -> str:
    match block:
        case schema.TextContentBlock():
            return block.text
        case schema.ResourceContentBlock():
            return f"[{block.name}]({block.uri})"
        case schema.ImageContentBlock() | schema.AudioContentBlock():
            return f"[{block.type}]"
        case _:
            return ""


def _detail(update: schema.ToolCall | schema.ToolCallUpdate) -> str:
    return clean("\n".join(_contents(update)))[:DETAIL]


def _contents(update: schema.ToolCall | schema.ToolCallUpdate) -> list[str]:
    texts = [_content_text(item) for item in update.content or []]
    return [text for text in texts if text] or [location.path for location in update.locations or []]


def _content_text(item: object) -> str:
    match item:
        case schema.ContentToolCallContent():
            return _block_text(item.content)
        case schema.FileEditToolCallContent():
            return f"{item.path}\n{item.new_text}"
        case _:
            return ""


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return clean(text)
