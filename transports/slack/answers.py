"""What the Web API refuses, in words that say what to do, as exceptions of ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transports.base import Disconnected, PermanentFailure, TemporaryFailure
from transports.slack.model import StreamOver

# Our token is good for nothing any more.
REFUSED = {
    "account_inactive": "the app was removed from the workspace",
    "invalid_auth": "Slack does not know our token",
    "not_authed": "Slack was given no token",
    "token_expired": "the token has expired",
    "token_revoked": "the token was revoked",
}
WORDS = {
    "cant_update_message": "it is not a message of the bot's",
    "channel_is_archived": "the channel is archived",
    "channel_not_found": "there is no such channel, or the bot is not in it (`/invite` it)",
    "is_archived": "the channel is archived",
    "message_not_found": "the message is gone",
    "msg_blocks_too_long": "it is too long for Slack",
    "msg_too_long": "it is too long for Slack",
    "not_in_channel": "the bot is not in this channel (`/invite` it)",
    "restricted_action": "the workspace does not let apps write there",
}
_STREAMS = frozenset(
    {"message_not_in_streaming_state", "streaming_state_conflict", "stopped_by_user", "message_not_owned_by_app"}
)
_PASSING = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org", "rollup_error"}
)
PAUSE = 5.0  # seconds, where Slack asks to slow down without saying how long


def failure(method: str, status: int, said: Mapping[str, Any], retry_after: str) -> Exception:
    """Of an answer that is no success: `said`, its JSON, where it has some."""
    code = str(said.get("error") or "")
    if code in REFUSED:
        return Disconnected(f"{REFUSED[code]} ({code}); `tugbot init slack` takes a new one", lasting=True)
    if code in ("ratelimited", "rate_limited") or status == 429:
        return TemporaryFailure(f"Slack asks us to slow down ({method})", retry_after=_seconds(retry_after))
    if code in _STREAMS:
        return StreamOver(code)
    if code == "missing_scope":
        needed = str(said.get("needed") or "one that it does not name")[:200]
        return PermanentFailure(f"the app lacks the scope `{needed}`: `tugbot init slack` says where to add it")
    if code and code not in _PASSING and status < 500:
        return PermanentFailure(f"{WORDS.get(code, f'Slack refuses {method}')} ({code[:100]})")
    return TemporaryFailure(f"Slack fails at {method} ({code[:100] or status})")


def _seconds(text: str) -> float:
    try:
        return min(max(float(text), 0.1), 3600.0)
    except ValueError:
        return PAUSE
