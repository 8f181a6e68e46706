"""What the forges send, cut down to what matters, and a forge that signs it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from bot.webhooks.model import HookRole, Kind, Webhook
from transports.base import HookRequest

SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes length").decode()
NOBODY = "0" * 40
OLD, NEW = "3f1c2ab" + "0" * 33, "9ad41b7" + "1" * 33
Json = dict[str, Any]

GITHUB_REPOSITORY: Json = {"full_name": "acme/harbour", "html_url": "https://github.com/acme/harbour", "private": True}
GITHUB_ANN: Json = {"login": "ann", "id": 1, "type": "User"}
AROUND: Json = {"repository": GITHUB_REPOSITORY, "sender": GITHUB_ANN}


def github_run(conclusion: str | None = "failure", **more: object) -> Json:
    run = {
        "id": 30433642,
        "name": "CI",
        "display_title": "Skip empty lines",
        "head_branch": "main",
        "head_sha": NEW,
        "run_number": 562,
        "event": "push",
        "status": "completed",
        "conclusion": conclusion,
        "html_url": "https://github.com/acme/harbour/actions/runs/30433642",
        "actor": GITHUB_ANN,
        **more,
    }
    return {"action": "completed", "workflow_run": run, "workflow": {"name": "CI"}, **AROUND}


def github_push(commits: int = 2, ref: str = "refs/heads/main") -> Json:
    listed = [
        {"id": f"{number:040x}", "message": f"Change {number}\n\nat length", "author": {"name": "Ann"}}
        for number in range(commits)
    ]
    return {
        "ref": ref,
        "before": OLD,
        "after": NEW,
        "deleted": False,
        "compare": "https://github.com/acme/harbour/compare/3f1c2ab...9ad41b7",
        "commits": listed,
        "head_commit": listed[-1] if listed else None,
        "pusher": {"name": "ann", "email": "ann@example.org"},
        **AROUND,
    }


def github_issue(action: str = "opened", title: str = "The parser panics", body: str = "On an empty line.") -> Json:
    issue = {
        "number": 12,
        "title": title,
        "body": body,
        "html_url": "https://github.com/acme/harbour/issues/12",
        "user": GITHUB_ANN,
    }
    return {"action": action, "issue": issue, **AROUND}


def github_comment() -> Json:
    comment = {"body": "I see it too.", "html_url": "https://github.com/acme/harbour/issues/12#issuecomment-1"}
    return {**github_issue("created"), "comment": comment}


def github_change(action: str = "opened", merged: bool = False, **more: object) -> Json:
    change = {
        "number": 13,
        "title": "Skip empty lines",
        "body": "Closes 12.",
        "html_url": "https://github.com/acme/harbour/pull/13",
        "head": {"ref": "empty-lines"},
        "base": {"ref": "main"},
        "merged": merged,
    }
    return {"action": action, "number": 13, "pull_request": change, **AROUND, **more}


def github_review(state: str) -> Json:
    link = "https://github.com/acme/harbour/pull/13#pullrequestreview-1"
    return github_change("submitted", review={"state": state, "body": "A test is missing.", "html_url": link})


def github_release() -> Json:
    own = {
        "name": "Harbour 1.0",
        "tag_name": "v1.0",
        "body": "The first.",
        "html_url": "https://github.com/a/b/releases/1",
    }
    return {"action": "published", "release": own, **AROUND}


def gitea_review(kind: str = "pull_request_review_rejected") -> Json:
    return github_change("reviewed", review={"type": kind, "content": "A test is missing."})


def forgejo_run(action: str = "failure") -> Json:
    """As Forgejo sends it from version 12 on; there is no conclusion beside the status."""
    run = {
        "id": 12346,
        "title": "Skip empty lines",
        "repository": {"full_name": "acme/harbour"},
        "workflow_id": "test.yml",
        "index_in_repo": 77,
        "trigger_user": {"login": "ann"},
        "prettyref": "main",
        "commit_sha": NEW,
        "status": "success" if action == "recover" else action,
        "html_url": "https://forge.example.org/acme/harbour/actions/runs/77",
    }
    return {"action": action, "run": run, "prior_status": "running"}


GITLAB_PROJECT: Json = {"path_with_namespace": "acme/harbour", "web_url": "https://gitlab.example.org/acme/harbour"}
GITLAB_AROUND: Json = {"project": GITLAB_PROJECT, "user": {"name": "Ann Ash", "username": "ann"}}


def gitlab_pipeline(status: str = "failed") -> Json:
    own = {"id": 31, "iid": 3, "ref": "main", "tag": False, "sha": NEW, "status": status, "source": "push"}
    builds = [{"name": "build", "status": "success"}, {"name": "test", "status": "failed"}]
    commit = {"id": NEW, "message": "Skip empty lines\n"}
    return {"object_kind": "pipeline", "object_attributes": own, "builds": builds, "commit": commit, **GITLAB_AROUND}


def gitlab_push(kind: str = "push", before: str = OLD, after: str = NEW, commits: int = 2) -> Json:
    listed = [{"id": NEW, "message": f"Change {each}\n", "author": {"name": "Ann"}} for each in range(commits)]
    return {
        "object_kind": kind,
        "before": before,
        "after": after,
        "ref": "refs/heads/main" if kind == "push" else "refs/tags/v1.0",
        "user_name": "Ann Ash",
        "user_username": "ann",
        "project": GITLAB_PROJECT,
        "commits": listed,
        "total_commits_count": commits,
    }


def gitlab_issue(action: str = "open") -> Json:
    own = {
        "iid": 23,
        "title": "The parser panics",
        "description": "On an empty line.",
        "action": action,
        "url": "https://gitlab.example.org/acme/harbour/-/issues/23",
    }
    return {"object_kind": "issue", "object_attributes": own, **GITLAB_AROUND}


def gitlab_change(action: str = "open", **more: object) -> Json:
    own = {
        "iid": 1,
        "title": "Skip empty lines",
        "description": "Closes 23.",
        "source_branch": "empty-lines",
        "target_branch": "main",
        "action": action,
        "url": "https://gitlab.example.org/acme/harbour/-/merge_requests/1",
        **more,
    }
    return {"object_kind": "merge_request", "object_attributes": own, **GITLAB_AROUND}


def gitlab_note(about: str = "MergeRequest", **more: object) -> Json:
    own = {"note": "A test is missing.", "noteable_type": about, "system": False, "action": "create", **more}
    change = {"iid": 1, "title": "Skip empty lines", "source_branch": "empty-lines"}
    return {"object_kind": "note", "object_attributes": own, "merge_request": change, **GITLAB_AROUND}


def gitlab_release(action: str = "create") -> Json:
    named = {"name": "Harbour 1.0", "tag": "v1.0", "url": "https://gitlab.example.org/acme/harbour/-/releases/v1.0"}
    return {"object_kind": "release", "action": action, "description": "The first.", **named, **GITLAB_AROUND}


# ---------------------------------------------------------------- sending


def hook(kind: Kind = "github", *events: str, text: str = "", role: HookRole = "operator", name: str = "ci") -> Webhook:
    return Webhook(name, kind, "matrix/!room:example.org", frozenset(events), text, role)


def tag(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(body: bytes, name: str = "msg-1", stamp: str = "1770000000") -> Mapping[str, str]:
    """Headers as GitLab's signing token makes them."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signature}


def sent(kind: Kind, event: str, payload: object, *, secret: str = SECRET, **headers: str) -> HookRequest:
    """As the forge of this kind sends it, signed."""
    body = json.dumps(payload).encode()
    signed = {
        "github": {
            "x-github-event": event,
            "x-github-delivery": "d-1",
            "x-hub-signature-256": f"sha256={tag(body, secret)}",
        },
        "gitea": {"x-gitea-event": event, "x-github-event": event, "x-gitea-signature": tag(body, secret)},
        "gitlab": {"x-gitlab-event": f"{event} Hook", "x-gitlab-token": secret},
    }[kind]
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return HookRequest("POST", {"content-type": "application/json", **signed, **given}, body, "192.0.2.1")
