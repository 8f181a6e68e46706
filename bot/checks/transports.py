"""Whether each chat network that is set up can be reached with what it was given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from bot.checks.base import Check
from bot.errors import UserError
from bot.networks import matrix, slack
from bot.settings import Settings
from transports.base import PermanentFailure, TemporaryFailure

PATIENCE = 20.0  # seconds for a network to answer

# Tries a transport out; what is wrong, in words that say what to do, or "". Changes nothing.
Trial: TypeAlias = Callable[[], Awaitable[str]]


def listed(settings: Settings, environ: Mapping[str, str]) -> Mapping[str, Trial]:
    """The trials of the transports that are set up, by name."""
    in_matrix = {
        name: partial(_matrix, account, settings.data_dir, environ)
        for name, account in matrix.accounts(settings).items()
    }
    in_slack = {
        name: partial(_slack, account, settings.data_dir, environ) for name, account in slack.accounts(settings).items()
    }
    return {**in_matrix, **in_slack}


def servers(settings: Settings, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Base URLs of the networks that are asked anyway."""
    homeservers = [account.homeserver for account in matrix.accounts(settings).values()]
    try:
        apis = [slack.api(environ)] if slack.accounts(settings) else []
    except UserError:
        apis = []  # the trial of the transport says why
    return (*homeservers, *apis)


async def _matrix(own: matrix.MatrixAccount, data: Path, environ: Mapping[str, str]) -> str:
    from transports.matrix.signin import verify

    try:
        token, _ = matrix.token(own, data, environ)
        account = await verify(own.homeserver.rstrip("/"), token)
    except (UserError, TemporaryFailure, PermanentFailure) as exc:
        return str(exc)
    return "" if account.user == own.user else f"the access token is of {account.user}, not of {own.user}"


async def _slack(own: slack.SlackAccount, data: Path, environ: Mapping[str, str]) -> str:
    from transports.slack.signin import lacks, verify, verify_app_token

    try:
        account = slack.signed_in(own, data, environ)
        app = await verify(account.token, account.api)
        if own.mode == "socket":
            await verify_app_token(account.app_token, app, account.api)
    except (UserError, TemporaryFailure, PermanentFailure) as exc:
        return str(exc)
    if app.team != own.team:
        return f"the bot token is of the workspace {app.team} ({app.team_name}), not of {own.team}"
    return lacks(app.missing)


async def check(trials: Mapping[str, Trial]) -> list[Check]:
    """All at once: each mostly waits for its network."""
    problems = await asyncio.gather(*(_problem(trial) for trial in trials.values()))
    return [_check(name, problem) for name, problem in zip(trials, problems, strict=True)]


async def _problem(trial: Trial) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            return await trial()
    except TimeoutError:
        return f"no answer within {PATIENCE:.0f} s"
    except Exception as exc:  # whatever it is, the other checks are worth seeing
        return f"{type(exc).__name__}: {' '.join(str(exc).split())}".rstrip(": ")


def _check(name: str, problem: str) -> Check:
    fix = f"correct [transports.{name}] in bot.toml, then run: tugbot doctor"
    return Check(name, not problem, problem or "it answers, and takes what it is given", fix if problem else "")
