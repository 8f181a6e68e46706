"""How a turn of Claude Code ended, in words for people. Pure but for what the process says of itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.agents.base import Finished, Process
from bot.agents.claude.messages import Json
from bot.agents.ending import exit_words, with_tail
from bot.agents.text import one_line

_LOGGED_OUT = re.compile(r"/login|invalid api key|not logged in|oauth token|failed to authenticate", re.IGNORECASE)


def is_lost(line: Json) -> bool:
    """Whether a result says that the conversation to resume does not exist."""
    errors = line.get("errors")
    return isinstance(errors, list) and any("No conversation found" in str(error) for error in errors)


def finished(agent: str, line: Json, interrupted: bool) -> Finished:
    """`is_error` decides, not `subtype`: a failed API call is a success by that name."""
    if interrupted or str(line.get("terminal_reason", "")).startswith("aborted"):
        return Finished("cancelled")
    if not line.get("is_error"):
        return Finished(one_line(str(line.get("stop_reason") or "end_turn"), 40))
    return Finished("error", True, _trouble(agent, line))


def _trouble(agent: str, line: Json) -> str:
    errors = line.get("errors")
    said = str(line.get("result") or "") or "; ".join(str(error) for error in errors if error) if errors else ""
    said = one_line(said or str(line.get("result") or line.get("subtype") or "it did not say why"), 500)
    if line.get("api_error_status") in (401, 403) or _LOGGED_OUT.search(said):
        return (
            f"{agent} is not logged in ({said.rstrip('.')}). Run `claude setup-token` in a terminal, then "
            f"`tugbot secrets set --agent {agent} CLAUDE_CODE_OAUTH_TOKEN`, and restart the bot."
        )
    return f"{agent}: {said}"


def failed(sentence: str, strays: Sequence[str], process: Process) -> Finished:
    if strays:
        sentence += f" It printed: {strays[0]}"
    return Finished("error", True, with_tail(sentence, process.stderr_tail), process.returncode)


def fallen(agent: str, code: int | None, strays: Sequence[str], process: Process) -> Finished:
    if code is None:
        return failed(f"{agent} closed its output in the middle of the turn.", strays, process)
    return failed(f"{agent} {exit_words(code)} in the middle of the turn.", strays, process)
