"""What GitLab tells of, as a Happening. Pure; nothing raised for whatever it sends.

https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.webhooks.cleaning import branch, first_line
from bot.webhooks.github import commits
from bot.webhooks.model import Happening
from bot.webhooks.payload import Payload

_NOTHING = "0" * 40  # a branch or a tag that is not there
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_ABOUT = {"Issue": "issue", "MergeRequest": "merge_request", "Commit": "commit"}


def read(payload: Payload) -> Happening | None:
    """None: it is nothing that is spoken of."""
    reader = _READERS.get(payload.word("object_kind"))
    happening = reader(payload) if reader else None
    if happening is None:
        return None
    return replace(
        happening,
        repository=payload.text("project", "path_with_namespace"),
        author=payload.text("user", "username") or payload.text("user_username") or payload.text("user_name"),
    )


def _push(payload: Payload) -> Happening | None:
    before, after = payload.word("before"), payload.word("after")
    kind = payload.word("object_kind")
    if after == _NOTHING or (kind == "push" and not payload.entries("commits")):
        return None  # one that goes, or that begins where another is
    last = next(iter(payload.entries("commits")), Payload(None))
    total = payload.at("total_commits_count").raw
    return Happening(
        kind,
        branch=branch(payload.word("ref")),
        title=first_line(last.at("message").raw),
        url=_comparison(payload, before, after),
        more=commits(payload, total if isinstance(total, int) and 0 <= total < 10**9 else payload.count("commits")),
    )


def _comparison(payload: Payload, before: str, after: str) -> str:
    if not (_COMMIT.fullmatch(before) and _COMMIT.fullmatch(after)):
        return ""
    home = payload.url("project", "web_url")
    way = f"commit/{after}" if before == _NOTHING else f"compare/{before}...{after}"
    return f"{home}/-/{way}" if home else ""


def _issue(payload: Payload) -> Happening | None:
    own = payload.at("object_attributes")
    action = own.word("action")
    if action not in ("open", "reopen", "close"):
        return None
    return _of(own, f"issue.{action}", (("description", own.text("description")),))


def _note(payload: Payload) -> Happening | None:
    own = payload.at("object_attributes")
    about = _ABOUT.get(own.word("noteable_type"))
    if about is None or own.is_true("system") or own.word("action") == "update":
        return None
    target = payload.at(about)
    return Happening(
        f"note.{about}",
        branch=target.text("source_branch"),
        title=target.text("title") or first_line(target.at("message").raw),
        number=target.text("iid"),
        url=own.url("url"),
        more=(("comment", own.text("note")),),
    )


def _merge_request(payload: Payload) -> Happening | None:
    own = payload.at("object_attributes")
    action = own.word("action")
    if action == "update" and not own.has("oldrev"):
        return None  # a label, a title: not its commits
    more = (("onto branch", own.text("target_branch")), ("description", own.text("description")))
    return replace(_of(own, f"merge_request.{action}", more), branch=own.text("source_branch")) if action else None


def _of(own: Payload, event: str, more: tuple[tuple[str, str], ...]) -> Happening:
    return Happening(event, title=own.text("title"), number=own.text("iid"), url=own.url("url"), more=more)


def _pipeline(payload: Payload) -> Happening | None:
    own = payload.at("object_attributes")
    home, number = payload.url("project", "web_url"), own.text("id")
    failed = [each.text("name") for each in payload.entries("builds") if each.word("status") == "failed"]
    return Happening(
        f"pipeline.{own.word('status')}",
        branch=branch(own.word("ref")),
        title=own.text("name") or first_line(payload.at("commit", "message").raw),
        number=number,
        url=own.url("url") or (f"{home}/-/pipelines/{number}" if home and number.isdigit() else ""),
        more=(("commit", own.text("sha")[:12]), ("failed jobs", ", ".join(filter(None, failed)))),
    )


def _release(payload: Payload) -> Happening | None:
    return Happening(
        f"release.{payload.word('action')}",
        title=payload.text("name"),
        url=payload.url("url"),
        more=(("tag", payload.text("tag")), ("description", payload.text("description"))),
    )


_READERS: Mapping[str, Callable[[Payload], Happening | None]] = {
    "push": _push,
    "tag_push": _push,
    "issue": _issue,
    "note": _note,
    "merge_request": _merge_request,
    "pipeline": _pipeline,
    "release": _release,
}
