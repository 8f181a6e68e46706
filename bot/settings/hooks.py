"""[hooks.<name>]: forges that call the bot."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from bot.settings.kinds import Expected, Section, Text
from bot.webhooks import events, template
from bot.webhooks.model import HookRole, Kind, Webhook

_ALLOWED = ", ".join(f"{{{name}}}" for name in template.PLACEHOLDERS)
_NAMED = ", ".join(f"`{{{name}}}`" for name in template.PLACEHOLDERS)

SessionKey = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_.-]*/[^\s/][^\s]*\z", max_length=300),
    Expected('the key of a conversation such as "matrix/!room:example.org" or "slack/T0123ABC/C0123ABC"'),
]


def _template(text: str) -> str:
    if len(text) > template.LONGEST or template.unknown(text) is not None:
        raise ValueError("names something else in braces")
    return text


class HookSettings(Section):
    """One webhook of a forge, in a table of its own: `[hooks.<name>]`. `tugbot hook secret <name>` makes its secret, which never stands here; the forge calls `/hooks/<name>`: [how](../how-to/webhooks.md)."""  # noqa: E501

    kind: Annotated[Literal["github", "gitea", "gitlab"], Expected('"github", "gitea" or "gitlab"')] = Field(
        description="Which forge calls, and so how it signs and what it says. Forgejo is `gitea`."
    )
    session: SessionKey = Field(
        description="The conversation that it speaks in, by its key: the transport's name, a slash, and the room as "
        "that network names it. What comes of it is answered there."
    )
    events: Annotated[tuple[Text, ...], Expected("a list of names of events")] = Field(
        default=(),
        description="The events that are spoken of; of all others nothing is said. Empty: builds that failed, and "
        "issues and changes that were opened. [All names](../how-to/webhooks.md#events).",
    )
    text: Annotated[
        str,
        AfterValidator(_template),
        Expected(f"text in quotes, of at most {template.LONGEST} characters, that names {_ALLOWED} alone in braces"),
    ] = Field(
        default="",
        description=f"What the agent is told to do. Filled in are {_NAMED}; what is more than a name stands in "
        "quotation marks. Empty: words of Tugbot's own for each kind of event.",
    )
    role: Annotated[Literal["member", "operator"], Expected('"member" or "operator"')] = Field(
        default="member",
        description="What the words may do: a `member`'s reach an agent where the conversation has a project, an "
        "`operator`'s also one on this machine.",
    )

    @model_validator(mode="after")
    def _knows_its_events(self) -> Self:
        if wrong := events.complaint(self.kind, self.events):
            raise ValueError(wrong.removesuffix("."))
        return self

    def webhook(self, name: str) -> Webhook:
        kind: Kind = self.kind
        role: HookRole = self.role
        chosen = frozenset(self.events) or events.DEFAULT[kind]
        return Webhook(name, kind, self.session, chosen, self.text, role)
