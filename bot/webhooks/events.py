"""Which events can be spoken of, by the forges' own names, and which are where the settings name none."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from bot.webhooks.model import FORGES, Kind

Topic: TypeAlias = Literal[
    "push", "tag", "issue", "issue changed", "comment", "change", "change changed", "review",
    "build failed", "build succeeded", "build cancelled", "release",
]  # fmt: skip

# Gitea and Forgejo send nearly what GitHub sends; what they call differently is read as GitHub calls it.
_GITHUB: Mapping[str, Topic] = {
    "push": "push",
    "tag_push": "tag",  # a push of a tag, which GitHub does not tell apart by name
    "issues.opened": "issue",
    "issues.reopened": "issue changed",
    "issues.closed": "issue changed",
    "issues.assigned": "issue changed",
    "issues.labeled": "issue changed",
    "issue_comment.created": "comment",
    "pull_request.opened": "change",
    "pull_request.reopened": "change",
    "pull_request.ready_for_review": "change",
    "pull_request.review_requested": "change",
    "pull_request.synchronize": "change changed",
    "pull_request.closed": "change changed",
    "pull_request.merged": "change changed",  # closed by a merge
    "pull_request_review.approved": "review",
    "pull_request_review.changes_requested": "review",
    "pull_request_review.commented": "review",
    "pull_request_review_comment.created": "comment",
    "workflow_run.failure": "build failed",  # timed_out and startup_failure too
    "workflow_run.success": "build succeeded",
    "workflow_run.cancelled": "build cancelled",
    "status.failure": "build failed",  # error too
    "status.success": "build succeeded",
    "release.published": "release",
}
_GITLAB: Mapping[str, Topic] = {
    "push": "push",
    "tag_push": "tag",
    "issue.open": "issue",
    "issue.reopen": "issue changed",
    "issue.close": "issue changed",
    "note.issue": "comment",
    "note.merge_request": "comment",
    "note.commit": "comment",
    "merge_request.open": "change",
    "merge_request.reopen": "change",
    "merge_request.update": "change changed",  # by further commits
    "merge_request.close": "change changed",
    "merge_request.merge": "change changed",
    "merge_request.approved": "review",
    "merge_request.unapproved": "review",
    "pipeline.failed": "build failed",
    "pipeline.success": "build succeeded",
    "pipeline.canceled": "build cancelled",
    "release.create": "release",
}
KNOWN: Mapping[Kind, Mapping[str, Topic]] = {"github": _GITHUB, "gitea": _GITHUB, "gitlab": _GITLAB}
# What wants somebody: a build that broke, and what people ask for.
DEFAULT: Mapping[Kind, frozenset[str]] = {
    "github": frozenset({"workflow_run.failure", "issues.opened", "pull_request.opened"}),
    "gitea": frozenset({"workflow_run.failure", "issues.opened", "pull_request.opened"}),
    "gitlab": frozenset({"pipeline.failed", "issue.open", "merge_request.open"}),
}


def complaint(kind: Kind, events: Sequence[str]) -> str:
    """What is wrong with the events of a hook's settings, in words; "": nothing."""
    wrong = next((event for event in events if event not in KNOWN[kind]), None)
    if wrong is None:
        return ""
    close = difflib.get_close_matches(wrong, KNOWN[kind], n=1)
    hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(KNOWN[kind])}."
    return f"names an event that is not known of {FORGES[kind]}: {wrong[:60]!r}. {hint}"
