"""Claude Code's permission requests: open until someone answers, it withdraws them, or the turn ends."""

from __future__ import annotations

import json
from typing import Any

from bot.agents.base import CANCELLED, PermissionOption, PermissionRequest
from bot.agents.claude.messages import Json, refusal, response
from bot.agents.text import clean, one_line

ONCE, ALWAYS, DENY = "once", "always", "deny"
MAX_OPEN = 32  # no agent asks for so many things at once; more are denied
DENIED = "The person who uses this chat did not allow it."


class Asks:
    """Yields what to show and what to write; writes nothing itself."""

    def __init__(self) -> None:
        self._open: dict[str, Json] = {}

    def ask(self, request: str, body: Json) -> PermissionRequest | Json:
        """The question to put to people; or the answer to write at once."""
        if len(self._open) >= MAX_OPEN:
            return response(request, _deny(DENIED))
        self._open[request] = body
        options = [PermissionOption(ONCE, "Allow once", "allow_once"), PermissionOption(DENY, "Deny", "reject_once")]
        if _rules(body):
            options.append(PermissionOption(ALWAYS, "Always allow", "allow_always"))
        return PermissionRequest(request, one_line(str(body.get("tool_name", "a tool"))), _input(body), tuple(options))

    def answer(self, request: str, option: str, why: str) -> Json | None:
        """What to write; None: it is not open, or offers no such option."""
        body = self._open.get(request)
        if body is None or option not in (ONCE, ALWAYS, DENY, CANCELLED) or (option == ALWAYS and not _rules(body)):
            return None
        del self._open[request]
        return response(request, _decided(body, option, why))

    def withdraw(self, request: object) -> None:
        self._open.pop(str(request), None)

    def deny_all(self) -> list[Json]:
        """Answers to all that are open, because the turn is to end."""
        denied = [response(request, _decided(self._open[request], CANCELLED, "")) for request in self._open]
        self._open.clear()
        return denied


def unknown(request: str, subtype: object) -> Json:
    return refusal(request, f"Tugbot does not know the request {one_line(str(subtype), 60)}")


def _decided(body: Json, option: str, why: str) -> Json:
    if option == CANCELLED:
        return {**_deny("The person ended the turn."), "interrupt": True}
    if option == DENY:
        return _deny(f"{DENIED} They say: {why}" if why else DENIED)
    allowed = {"behavior": "allow", "updatedInput": body.get("input", {})}
    return {**allowed, "updatedPermissions": _rules(body)} if option == ALWAYS else allowed


def _deny(message: str) -> Json:
    return {"behavior": "deny", "message": message}


def _rules(body: Json) -> list[Any]:
    """What "always" would add. Other suggestions open whole directories or change the mode: more than was asked."""
    suggestions = body.get("permission_suggestions")
    return [each for each in suggestions or () if isinstance(each, dict) and each.get("type") == "addRules"]


def _input(body: Json) -> str:
    """The tool's input as people read it: the command itself for a shell, else JSON."""
    given = body.get("input")
    if isinstance(given, dict) and isinstance(command := given.get("command"), str):
        rest = {key: value for key, value in given.items() if key not in ("command", "description")}
        return clean(command + (f"\n\n{_json(rest)}" if rest else ""))
    return clean(_json(given))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
