"""[transports.…]: the chat networks beside the console. A table that names its server, or its workspace, is on."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from bot.settings.kinds import AgentName, Expected, Flag, Section, Size

Url = Annotated[
    str,
    StringConstraints(pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?\z"),
    Expected("a URL such as https://matrix.example.org"),
]
MatrixId = Annotated[
    str,
    StringConstraints(pattern=r"^(@[^\s:]+:[^\s]+)?\z"),
    Expected("a Matrix id such as @tugbot:example.org"),
]
TeamId = Annotated[
    str,
    StringConstraints(pattern=r"^(T[A-Z0-9]{1,30})?\z"),
    Expected("a workspace's id such as T0123ABC, which `tugbot init slack` finds out"),
]


class MatrixAccountSettings(Section):
    """A further account in Matrix, in a table of its own: `[transports.matrix.accounts.<name>]`."""

    homeserver: Annotated[Url, Field(min_length=1)] = Field(description="As `transports.matrix.homeserver`.")
    user: Annotated[MatrixId, Field(min_length=1)] = Field(description="As `transports.matrix.user`.")


class MatrixSettings(Section):
    """An account in Matrix. `tugbot init matrix` signs in and stores the access token, which is never written here."""

    homeserver: Url = Field(
        default="", description="Base URL of the homeserver's client API. Empty: Tugbot is not in Matrix."
    )
    user: MatrixId = Field(default="", description="The bot's own account.")
    e2ee: Flag = Field(
        default=False,
        description="Talk in encrypted rooms too. Needs `tugbot[e2e]`. The bot's device is not verified by "
        "cross-signing; clients that insist on that do not send it their keys.",
    )
    unverified_devices: Annotated[Literal["trust", "refuse"], Expected('"trust" or "refuse"')] = Field(
        default="trust",
        description="What encrypted answers do where somebody in the room has a device that nobody verified: `trust` "
        "it, or `refuse` to send.",
    )
    room_per_project: Flag = Field(
        default=False, description="`new project` makes a room for the project and invites who asked."
    )
    max_file: Size = Field(default=50_000_000, ge=0, description="Largest file that is taken from or sent to a room.")

    accounts: dict[AgentName, MatrixAccountSettings] = Field(
        default={}, description="Further accounts, each in `[transports.matrix.accounts.<name>]`."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.homeserver) != bool(self.user):
            raise ValueError("needs both homeserver and user; `tugbot init matrix` says what to write")
        return self


class SlackSettings(Section):
    """An app in a workspace of Slack. `tugbot init slack` verifies its tokens and keeps them; they never stand here."""

    team: TeamId = Field(
        default="", description="Id of the workspace, as `tugbot init slack` writes it. Empty: Tugbot is not in Slack."
    )
    mode: Annotated[Literal["socket", "http"], Expected('"socket" or "http"')] = Field(
        default="socket",
        description="How events come: over a connection that Tugbot opens (`socket`, Socket Mode), or `http`: Slack "
        "calls `/slack/events` of the gateway, each request signed. The app's manifest differs: "
        "`tugbot init slack --http URL`.",
    )
    max_file: Size = Field(
        default=50_000_000, ge=0, description="Largest file that is taken from or sent to a channel."
    )


class TransportsSettings(Section):
    """Chat networks beside the console."""

    matrix: MatrixSettings = MatrixSettings()
    slack: SlackSettings = SlackSettings()
