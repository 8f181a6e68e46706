"""What GitHub, Gitea and Forgejo tell of, as a Happening. Pure; nothing raised for whatever they send.

https://docs.github.com/en/webhooks/webhook-events-and-payloads, and Gitea's modules/structs/hook.go, which follows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.webhooks.cleaning import branch, first_line
from bot.webhooks.model import Happening
from bot.webhooks.payload import ENTRIES, Payload

_NAMES = ("x-forgejo-event", "x-gitea-event", "x-github-event")
_ISSUES = {name: name for name in ("opened", "reopened", "closed", "assigned", "labeled")} | {
    "label_updated": "labeled"  # Gitea
}
_CHANGES = {
    name: name for name in ("opened", "reopened", "ready_for_review", "review_requested", "synchronize", "closed")
} | {"synchronized": "synchronize"}  # Gitea
_ENDS = {
    "success": "success",
    "recover": "success",  # Forgejo: the first success after failures
    "failure": "failure",
    "error": "failure",
    "timed_out": "failure",
    "startup_failure": "failure",
    "cancelled": "cancelled",
}
_REVIEWS = {"approved": "approved", "rejected": "changes_requested", "changes_requested": "changes_requested"}


def is_ping(headers: Mapping[str, str]) -> bool:
    """GitHub says hello to a new hook."""
    return headers.get("x-github-event") == "ping"


def read(headers: Mapping[str, str], payload: Payload) -> Happening | None:
    """None: it is nothing that is spoken of."""
    name = next((headers[each] for each in _NAMES if each in headers), "")
    reader = _action_run if name.startswith("action_run") else _READERS.get(name)
    happening = reader(payload) if reader else None
    if happening is None:
        return None
    author = payload.text("sender", "login") or payload.text("pusher", "name")
    return replace(
        happening,
        repository=happening.repository or payload.text("repository", "full_name"),
        author=happening.author or author,
    )


def _push(payload: Payload) -> Happening | None:
    ref = payload.word("ref")
    if payload.is_true("deleted") or (not payload.entries("commits") and not ref.startswith("refs/tags/")):
        return None  # a branch that goes, or that begins where another is
    last = payload.at("head_commit")
    return Happening(
        "tag_push" if ref.startswith("refs/tags/") else "push",
        branch=branch(ref),
        title=first_line(last.at("message").raw),
        author=payload.text("pusher", "name") or payload.text("pusher", "login"),
        url=payload.url("compare") or payload.url("compare_url"),
        more=commits(payload, payload.count("commits")),
    )


def commits(payload: Payload, total: int) -> tuple[tuple[str, str], ...]:
    """How many, and of the first some what they say of themselves."""
    listed = [
        (f"commit {each.text('id')[:8]}", f"{first_line(each.at('message').raw)} ({each.text('author', 'name')})")
        for each in payload.entries("commits")
    ]
    rest = [("further commits", str(total - ENTRIES))] if total > ENTRIES else []
    return (("commits", str(total)), *listed, *rest)


def _issue(payload: Payload) -> Happening | None:
    action = _ISSUES.get(payload.word("action"))
    return None if action is None else _of(payload, f"issues.{action}", "issue", "description")


def _comment(payload: Payload) -> Happening | None:
    if payload.word("action") != "created":
        return None
    about = "pull_request" if payload.has("pull_request") else "issue"  # Gitea, of changes
    said = _of(payload, "issue_comment.created", about)
    return replace(said, url=payload.url("comment", "html_url") or said.url, more=_body(payload, "comment"))


def _review_comment(payload: Payload) -> Happening | None:
    if payload.word("action") != "created":
        return None
    said = _change(payload, "pull_request_review_comment.created")
    place = (("file", payload.text("comment", "path")),)
    return replace(said, url=payload.url("comment", "html_url") or said.url, more=(*place, *_body(payload, "comment")))


def _pull_request(payload: Payload) -> Happening | None:
    if payload.word("action") == "reviewed":  # Gitea
        return _review(payload)
    action = _CHANGES.get(payload.word("action"))
    if action is None:
        return None
    if action == "closed" and payload.is_true("pull_request", "merged"):
        action = "merged"
    said = _change(payload, f"pull_request.{action}")
    return replace(said, more=(*said.more, ("description", payload.text("pull_request", "body"))))


def _review(payload: Payload) -> Happening | None:
    if payload.word("action") not in ("submitted", "reviewed"):
        return None
    kind = payload.word("review", "state") or payload.word("review", "type").removeprefix("pull_request_review_")
    said = _change(payload, f"pull_request_review.{_REVIEWS.get(kind.lower(), 'commented')}")
    words = payload.text("review", "body") or payload.text("review", "content")
    return replace(said, url=payload.url("review", "html_url") or said.url, more=(*said.more, ("review", words)))


def _change(payload: Payload, event: str) -> Happening:
    said = _of(payload, event, "pull_request")
    onto = payload.text("pull_request", "base", "ref")
    return replace(said, branch=payload.text("pull_request", "head", "ref"), more=(("onto branch", onto),))


def _of(payload: Payload, event: str, about: str, body: str = "") -> Happening:
    own = payload.at(about)
    return Happening(
        event,
        title=own.text("title"),
        number=own.text("number") or payload.text("number"),
        url=own.url("html_url"),
        more=((body, own.text("body")),) if body else (),
    )


def _body(payload: Payload, about: str) -> tuple[tuple[str, str], ...]:
    return (("comment", payload.text(about, "body")),)


def _workflow_run(payload: Payload) -> Happening | None:
    if payload.word("action") != "completed":
        return None
    return _run(payload.at("workflow_run"), payload.text("workflow_run", "name") or payload.text("workflow", "name"))


def _action_run(payload: Payload) -> Happening | None:
    """Forgejo."""
    run = payload.at("run")
    said = _run(run, run.text("workflow_id"))
    repository = run.text("repository", "full_name")
    return replace(said, repository=repository) if said and repository else said


def _run(run: Payload, name: str) -> Happening | None:
    end = _ENDS.get(run.word("conclusion") or run.word("status"))
    if end is None:
        return None
    commit = run.text("head_sha") or run.text("commit_sha")
    about = run.text("display_title") or run.text("title")
    return Happening(
        f"workflow_run.{end}",
        branch=run.text("head_branch") or branch(run.text("prettyref")),
        title=name or about,
        author=run.text("actor", "login") or run.text("trigger_user", "login"),
        number=run.text("run_number") or run.text("index_in_repo"),
        url=run.url("html_url"),
        more=(("commit", commit[:12]), ("about", about)),
    )


def _status(payload: Payload) -> Happening | None:
    end = _ENDS.get(payload.word("state"))
    if end not in ("success", "failure"):
        return None
    on = next((each.text("name") for each in payload.entries("branches")), "")
    return Happening(
        f"status.{end}",
        branch=on,
        title=payload.text("context"),
        url=payload.url("target_url"),
        more=(("commit", payload.text("sha")[:12]), ("says", payload.text("description"))),
    )


def _release(payload: Payload) -> Happening | None:
    if payload.word("action") != "published":
        return None
    own = payload.at("release")
    return Happening(
        "release.published",
        title=own.text("name") or own.text("tag_name"),
        url=own.url("html_url"),
        more=(("tag", own.text("tag_name")), ("description", own.text("body"))),
    )


_READERS: Mapping[str, Callable[[Payload], Happening | None]] = {
    "push": _push,
    "issues": _issue,
    "issue_comment": _comment,
    "pull_request": _pull_request,
    "pull_request_review": _review,
    "pull_request_review_comment": _review_comment,
    "pull_request_approved": _review,  # these three and the next are Gitea's
    "pull_request_rejected": _review,
    "pull_request_comment": lambda payload: _review(payload) if payload.has("review") else _comment(payload),
    "workflow_run": _workflow_run,
    "status": _status,
    "release": _release,
}
