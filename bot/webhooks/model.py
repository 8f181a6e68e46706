"""The words of webhooks. No logic here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["github", "gitea", "gitlab"]  # gitea: Forgejo too
HookRole: TypeAlias = Literal["member", "operator"]  # never owner: nobody is there to be asked

HOOK = "hook"  # the transport of webhooks: Account(HOOK, name of the hook)
FORGES: Mapping[Kind, str] = {"github": "GitHub", "gitea": "Gitea", "gitlab": "GitLab"}


@dataclass(frozen=True, slots=True)
class Webhook:
    """One [hooks.<name>] of the settings."""

    name: str
    kind: Kind
    session: str  # the conversation that it speaks in; its replies go there too
    events: frozenset[str]  # of the vocabulary in events.py; nothing else is said
    text: str = ""  # what is said first, with {placeholders}; "": words of our own
    role: HookRole = "member"

    @property
    def path(self) -> str:
        return f"/hooks/{self.name}"


@dataclass(frozen=True, slots=True)
class Happening:
    """What a forge tells of, cleaned: one line each, bounded, without anything that chats or agents would act on."""

    event: str  # of the vocabulary
    repository: str = ""
    branch: str = ""
    title: str = ""  # of an issue, a change or a release; a workflow's name; the first line of a push's last commit
    author: str = ""  # who did it
    number: str = ""
    url: str = ""
    more: tuple[tuple[str, str], ...] = ()  # further facts: what each is, in words of ours, and what the forge says
