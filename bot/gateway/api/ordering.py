"""What a caller asks for, given to the bot as any chat would: a line, through access, redaction and the inbox."""

from __future__ import annotations

import re
import secrets

from bot.commands.model import Ask, Broken, Reply, Usage
from bot.errors import OperatorError, UserError
from bot.gateway.api.model import Backstage, Problem
from bot.gateway.callers import own_session
from bot.gateway.model import Caller
from bot.redact import redact
from dispatcher.model import StoreUnavailable
from transports.base import Ack, Inbound
from transports.clean import NAME_LIMIT, clean_name

AWAY = "The bot is ending; ask again when it is back."
NO_ROLE = "You have no role that this needs."
_FURTHER = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)  # names of a caller's further conversations


def owns(caller: Caller, session: str) -> bool:
    """Whether it is the caller's own conversation, or a further one of theirs: "<own>/<name>"."""
    own = own_session(caller)
    return session == own or (session.startswith(f"{own}/") and bool(_FURTHER.fullmatch(session[len(own) + 1 :])))


def account_of(caller: Caller) -> str:
    """Under which a caller's events are kept."""
    return f"api/{caller.account.user}"


def inbound(
    caller: Caller,
    session: str,
    target: str,
    text: str,
    event_id: str = "",
    name: str = "",
    answers: str = "",
    attachments: tuple[str, ...] = (),
) -> Inbound:
    """Judged by the caller's own account, whatever network the conversation is on.

    The account is one of the API's own: an event id that somebody makes up never hides one of a network's.
    """
    return Inbound(
        session=session,
        transport=caller.account.transport,
        account=account_of(caller),
        event_id=event_id or secrets.token_hex(16),
        sender=caller.account.user,
        sender_name=_called(caller, name),
        text=text,
        target=target,
        direct=owns(caller, session) and not name,  # a program may speak for several people
        addressed=True,
        answers=answers,
        attachments=attachments,
    )


def _called(caller: Caller, name: str) -> str:
    """A name that is given stands beside the caller's own, never for it: where both are too long, it is cut."""
    if not name:
        return clean_name(caller.name)
    own = f" ({clean_name(caller.name)[: NAME_LIMIT // 2]})"
    return clean_name(redact(name)[0])[: NAME_LIMIT - len(own)].rstrip() + own


async def ordered(
    stage: Backstage, caller: Caller, session: str, target: str, line: str, *, answers: str = ""
) -> tuple[Ack, Reply]:
    """Give a command, and what it came to. Raises Problem where it could not be given, or was misused."""
    ack, reply = await stage.perform(inbound(caller, session, target, f"/{line}", answers=answers))
    if ack.status == "ignored":
        raise Problem(403, NO_ROLE)
    if reply is None:
        raise Problem(503, AWAY)
    _check(reply)
    return ack, reply


def _check(reply: Reply) -> None:
    came = reply.came
    if isinstance(came, Usage | Ask):
        raise Problem(422, came.text)
    if isinstance(came, Broken):
        raise Problem(500, reply.text, reference=came.reference)
    if isinstance(came, StoreUnavailable):
        raise Problem(503, str(came))
    if isinstance(came, UserError | OperatorError):
        raise Problem(409, str(came), error=word(came))
    if came is None and not reply.ok:
        raise Problem(409, reply.text)


def word(error: Exception) -> str:
    """NameTaken → name_taken"""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__).lstrip("_")
