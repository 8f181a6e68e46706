"""Which forges call this start, by the settings; their secrets, and what is served for them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot import networks
from bot.commands.model import Role
from bot.errors import UserError
from bot.secrets import Secrets, SecretsUnreadable, hook_scope
from bot.settings import Settings
from bot.webhooks.hook import WebhookEntrance
from bot.webhooks.model import Webhook
from transports.base import Ack, Hook, Inbound

log = logging.getLogger(__name__)

SECRET = "SECRET"  # name in the hook's scope of secrets
VARIABLE = "TUGBOT_HOOK_SECRET"  # "_<NAME>" behind it
CONSOLE = "console"


class HookAstray(UserError):
    """`hooks.{name}.session` is in {transport}, which is not set up. There are: {names}. Correct it in bot.toml, or set that transport up."""  # noqa: E501


class HookUnknown(UserError):
    """There is no hook {name} in the settings. {hint}"""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What hooks need of the bot."""

    receive: Callable[[Inbound], Awaitable[Ack]]
    say: Callable[[str, str], None]  # target and text, shown without the outbox


class Forges:
    """The hooks of one start."""

    def __init__(self, settings: Settings, data: Path, environ: Mapping[str, str]) -> None:
        self._hooks = hooks(settings)
        self._secrets = {name: HookSecret(name, data, environ) for name in self._hooks}
        self._entrances: tuple[WebhookEntrance, ...] = ()

    def role(self, name: str) -> Role | None:
        """What the words of a hook may do; None: there is none of this name."""
        hook = self._hooks.get(name)
        return hook.role if hook else None

    def serve(self, around: Surroundings) -> Mapping[str, Hook]:
        """By path."""
        self._entrances = tuple(
            WebhookEntrance(hook, self._secrets[name], around.receive, around.say) for name, hook in self._hooks.items()
        )
        for name, secret in self._secrets.items():
            if not secret():
                log.warning("the hook %s has no secret, so it answers nobody: tugbot hook secret %s", name, name)
        return {entrance.hook.path: entrance.answer for entrance in self._entrances}

    def outcomes(self) -> Mapping[tuple[str, str], int]:
        """How many requests, by hook and by what came of them."""
        counted = ((each.hook.name, each.outcomes) for each in self._entrances)
        return {(name, outcome): count for name, outcomes in counted for outcome, count in outcomes.items()}


def hooks(settings: Settings) -> Mapping[str, Webhook]:
    """By name."""
    return {name: own.webhook(name) for name, own in settings.hooks.items()}


def called(settings: Settings) -> tuple[str, ...]:
    """Those that need the gateway, as messages name them."""
    return tuple(f"hooks.{name}" for name in settings.hooks)


def check(settings: Settings) -> None:
    """Before anything is begun. Raises HookAstray."""
    known = reached(settings)
    for hook in hooks(settings).values():
        if (transport := hook.session.partition("/")[0]) not in known:
            raise HookAstray(name=hook.name, transport=transport, names=", ".join(known))


def reached(settings: Settings) -> tuple[str, ...]:
    """Transports whose conversations a hook can speak in."""
    return (CONSOLE, *networks.names(settings), networks.WEB)


def variable(name: str) -> str:
    return f"{VARIABLE}_{name.upper().replace('-', '_')}"


class HookSecret:
    """Looked up at each call: `tugbot hook secret` counts at once, whether a bot runs or not."""

    def __init__(self, name: str, data: Path, environ: Mapping[str, str]) -> None:
        self._name = name
        self._secrets = Secrets(data)
        self._given = environ.get(variable(name), "").strip()
        self._complained = ""

    def __call__(self) -> str:
        """ "": there is none."""
        if self._given:
            return self._given
        try:
            return self._secrets.read(hook_scope(self._name)).get(SECRET, "")
        except SecretsUnreadable as exc:
            if str(exc) != self._complained:  # strangers' requests come here too
                self._complained = str(exc)
                log.error("the hook %s answers nobody: %s", self._name, exc)
            return ""
