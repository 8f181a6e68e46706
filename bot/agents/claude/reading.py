"""Claude Code's lines as events of a turn. Keeps only what later lines are compared with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bot.agents.base import AgentEvent, Plan, PlanItem, RateLimited, TextDelta, Thought, ToolCall, Usage, Waits
from bot.agents.claude.messages import Json
from bot.agents.text import Cleaner, clean, one_line

MAX_CALLS = 1000  # tool calls remembered; the end of a forgotten one has no title
DETAIL = 2000  # characters of a tool's result
KINDS = {
    "Bash": "execute",
    "Edit": "edit",
    "Glob": "search",
    "Grep": "search",
    "NotebookEdit": "edit",
    "Read": "read",
    "WebFetch": "fetch",
    "WebSearch": "fetch",
    "Write": "edit",
}
# Which part of a tool's input says most about the call, the best first.
TELLING = ("command", "file_path", "notebook_path", "pattern", "url", "query", "description", "prompt")


class Reading:
    """`Reading.events` for each line; the caller handles control lines and results' meaning."""

    def __init__(self, spent: float | None) -> None:
        """`spent`: US dollars the conversation had cost before this turn; None: not known."""
        self._spent = spent
        self._cleaner = Cleaner()
        self._thinking = False
        self._spoke = False  # text was shown: the next block of it begins a new paragraph
        self._streamed: set[str] = set()  # ids of messages whose text came as deltas
        self._message = ""  # id of the message being streamed
        self._calls: dict[str, ToolCall] = {}

    def events(self, line: Json) -> Iterator[AgentEvent]:
        match line.get("type"):
            case "stream_event" if not line.get("parent_tool_use_id"):
                yield from self._delta(_mapping(line.get("event")))
            case "assistant":
                yield from self._assistant(line)
            case "user":
                yield from self._results(_mapping(line.get("message")))
            case "result":
                yield from self.flush()
                yield from self._usage(line)
            case "rate_limit_event":
                yield from _limit(_mapping(line.get("rate_limit_info")))
            case "system" if line.get("subtype") == "api_retry":
                yield _retry(line)

    def flush(self) -> Iterator[AgentEvent]:
        """What the last text still held back."""
        if text := self._cleaner.feed("", final=True):
            yield Thought(text) if self._thinking else TextDelta(text)

    # ------------------------------------------------------------ text

    def _delta(self, event: Json) -> Iterator[AgentEvent]:
        match event.get("type"):
            case "message_start":
                self._message = str(_mapping(event.get("message")).get("id", ""))
            case "content_block_start":
                yield from self._block(_mapping(event.get("content_block")))
            case "content_block_delta":
                delta = _mapping(event.get("delta"))
                yield from self._piece(str(delta.get("text") or delta.get("thinking") or ""))
            case "content_block_stop":
                yield from self.flush()

    def _block(self, block: Json) -> Iterator[AgentEvent]:
        self._thinking = block.get("type") == "thinking"
        if block.get("type") == "text":
            self._streamed.add(self._message)
            yield from self._paragraph()
            yield from self._piece(str(block.get("text") or ""))

    def _piece(self, text: str) -> Iterator[AgentEvent]:
        if shown := self._cleaner.feed(text):
            yield Thought(shown) if self._thinking else TextDelta(shown)

    def _paragraph(self) -> Iterator[AgentEvent]:
        if self._spoke:
            yield TextDelta("\n\n")
        self._spoke = True

    # ------------------------------------------------------------ whole messages

    def _assistant(self, line: Json) -> Iterator[AgentEvent]:
        message = _mapping(line.get("message"))
        for block in _blocks(message):
            match block.get("type"):
                case "tool_use":
                    yield from self._call(block)
                case "text" if not (line.get("parent_tool_use_id") or line.get("is_api_error_message")):
                    # Never streamed: what the program says by itself, without asking the model.
                    if str(message.get("id", "")) not in self._streamed and (text := clean(str(block.get("text", "")))):
                        yield from self._paragraph()
                        yield TextDelta(text)

    def _call(self, block: Json) -> Iterator[AgentEvent]:
        name, given = str(block.get("name", "")), _mapping(block.get("input"))
        if name == "TodoWrite":
            yield _plan(given)
            return
        key = str(block.get("id", ""))[:200]
        call = ToolCall(key, _title(name, given), KINDS.get(name, "other"), "in_progress")
        if len(self._calls) < MAX_CALLS:
            self._calls[key] = call
        yield call

    def _results(self, message: Json) -> Iterator[AgentEvent]:
        for block in _blocks(message):
            key = str(block.get("tool_use_id", ""))[:200]
            known = self._calls.pop(key, None)
            if block.get("type") == "tool_result" and known is not None:
                status = "failed" if block.get("is_error") else "completed"
                yield ToolCall(key, known.title, known.kind, status, _result(block.get("content")))  # type: ignore[arg-type]

    # ------------------------------------------------------------ sums

    def _usage(self, line: Json) -> Iterator[AgentEvent]:
        usage = _mapping(line.get("usage"))
        read = sum(
            _count(usage.get(part))
            for part in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        )
        written = _count(usage.get("output_tokens"))
        total = line.get("total_cost_usd")
        if not isinstance(total, int | float):
            yield Usage(read, written)
            return
        yield Usage(read, written, self._cost(line, float(total)), float(total))
        self._spent = float(total)

    def _cost(self, line: Json, total: float) -> float:
        """Of this turn. The total is the conversation's, resumed turns included where their process ended in peace;
        newer versions also tell what came since their last result."""
        models = line.get("model_usage_since_last_result")
        if isinstance(models, dict):
            costs = [_mapping(model).get("costUSD") for model in models.values()]
            return float(sum(cost for cost in costs if isinstance(cost, int | float)))
        if self._spent is None:
            return 0.0
        return total - self._spent if total >= self._spent else total


def refused_until(line: Json) -> RateLimited | None:
    """Whether a result that is an error tells of a provider's limit."""
    text = str(line.get("result") or "")
    if line.get("api_error_status") != 429 and "limit reached" not in text:
        return None
    found = re.search(r"\|(\d{10})\b", text)  # "… usage limit reached|1755806400"
    return RateLimited(True, float(found[1]) if found else None, one_line(text.partition("|")[0]))


def _limit(info: Json) -> Iterator[RateLimited]:
    status, until = info.get("status"), info.get("resetsAt")
    if status in ("rejected", "allowed_warning"):
        what = one_line(str(info.get("rateLimitType") or ""))
        yield RateLimited(status == "rejected", float(until) if isinstance(until, int | float) else None, what)


def _retry(line: Json) -> Waits:
    attempt, most = _count(line.get("attempt")), _count(line.get("max_retries"))
    error = one_line(str(line.get("error_status") or line.get("error") or "nothing"), 60)
    return Waits(_count(line.get("retry_delay_ms")) / 1000, f"The model's API answered {error} ({attempt} of {most})")


def _title(name: str, given: Json) -> str:
    told = next((str(given[key]) for key in TELLING if given.get(key)), "")
    return one_line(f"{name}: {told}" if told else name or "tool call")


def _plan(given: Json) -> Plan:
    todos = given.get("todos")
    items = [_mapping(each) for each in todos] if isinstance(todos, list) else []
    states = {"pending", "in_progress", "completed"}
    return Plan(
        tuple(
            PlanItem(
                one_line(str(item.get("content", ""))), item["status"] if item.get("status") in states else "pending"
            )
            for item in items
        )
    )


def _result(content: object) -> str:
    if isinstance(content, list):
        content = "\n".join(str(_mapping(part).get("text", "")) for part in content)
    return clean(str(content or ""))[:DETAIL]


def _blocks(message: Json) -> Iterator[Json]:
    content = message.get("content")
    yield from (_mapping(block) for block in content) if isinstance(content, list) else ()


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
