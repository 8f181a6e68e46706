"""[gateway]: the HTTP side of the bot."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from bot.settings.kinds import HOST_NAME, Count, Expected, Flag, Section, Size


def _numeric(text: str) -> str:
    ipaddress.ip_address(text)  # raises ValueError
    return text


NumericAddress = Annotated[str, AfterValidator(_numeric), Expected("an IP address such as 127.0.0.1 or ::1")]
PublicHost = Annotated[
    str,
    StringConstraints(pattern=rf"^({HOST_NAME})?\z", max_length=253),
    Expected("a host name such as tugbot.example.org, without https:// and port"),
]


class GatewaySettings(Section):
    """What the bot answers over HTTP: its page, its API, and networks that call it, such as Slack in its HTTP mode."""

    enabled: Annotated[Literal["auto", "on", "off"], Expected('"auto", "on" or "off"')] = Field(
        default="auto",
        description="`auto` listens wherever somebody may look at the page: at a terminal, and with every chat "
        "network, but not for piped input alone. `on` listens always, `off` never.",
    )
    listen: NumericAddress = Field(
        default="127.0.0.1",
        description="The address to listen on. Any that others can reach is refused unless `behind_proxy` is declared: "
        "the gateway itself does not encrypt.",
    )
    port: Count = Field(
        default=8808,
        ge=0,
        le=65535,
        description="The port. 0: a free one, which the log names. If another program has it, there is no page, and a "
        "warning; with `enabled` on, or a network that calls over HTTP, the start ends.",
    )
    behind_proxy: Flag = Field(
        default=False,
        description="Declares that only a proxy with TLS reaches the gateway. Needed where that proxy is on another "
        "machine or in a container.",
    )
    public_host: PublicHost = Field(
        default="",
        description="The name that people reach the proxy by. Requests for any other name than this and the loopback "
        "interface's are refused, except those of networks, which are signed.",
    )
    max_body: Size = Field(default=1_000_000, ge=64_000, description="Largest request body.")
    max_file: Size = Field(default=50_000_000, ge=1, description="Largest file that is taken from the page.")
