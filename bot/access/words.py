"""What access says. Pure; names and ids of strangers are their own choice, so they are shown as code or cut."""

from __future__ import annotations

from collections.abc import Sequence

from bot.access.limits import HOUR
from bot.access.model import Account, Caller, Token
from bot.commands.model import Role
from bot.commands.phrases import code, counted, first_words, lasting
from bot.runs.words import named
from bot.store.records import Member

SHOWN = 100  # characters of an id; longer ones are cut

GUEST = "You are a guest here: the bot does nothing for you yet. An owner can give you a role."
PAIR_FROM_CHAT = "You are the owner here already. Send it from the chat account that shall be an owner too."
PAIRED = (
    "You are the owner of this bot now. `help` lists what it does; `members`, `grant` and `revoke` say who else may "
    "talk to it."
)
PAIRED_ALREADY = "You are an owner already."
WRONG = "That is no pairing code that counts now. Each start prints a new one, while nobody in a chat is an owner."
TOO_OFTEN = "That were too many wrong codes; wait an hour, or start the bot again."
NO_PAGE = (
    'There is no page in this bot: nothing is served over HTTP. `gateway.enabled = "on"` in bot.toml changes that.'
)
PAGE_IS_HERE = (
    "You are on the page. For a link that logs another browser in, write `page` to me in a direct message of a chat, "
    "or run `tugbot page` on my machine: here it would be kept with the conversation."
)
PAGE_IN_DIRECT = (
    "Ask me where nobody else reads the answer, in a direct message: whoever opens the link is you. The link that you "
    "are given there counts once."
)
PAGE_GIVEN = "A link for you comes beside this message. It counts once, for ten minutes; `page` gives another."
LOGGED_OUT = "You are logged out of the page in every browser, and no link of before logs you in."


PAGE_LINK_MADE = (
    "This link logs one browser in to the running bot's page, as you. It counts once, for ten minutes; "
    "hand it to nobody."
)


def page_link(address: str) -> str:
    return (
        f"{address}\nlogs one browser in as you. Hand it to nobody. The page opens where that address can be reached. "
        "`page logout` logs you out everywhere."
    )


def page_at_start(address: str) -> str:
    return (
        f"The bot's page, for you as the owner: {address}\nThe link counts once, for ten minutes; `page` gives another."
    )


def pageless(why: str) -> str:
    return f"There is no page. {why}"


def pairing_code(pairing: str) -> str:
    return (
        f"Nobody in a chat is an owner yet. Send `pair {pairing}` to the bot from your chat account, and you are. "
        "The code counts once, and until the bot ends."
    )


def paired_notice(account: Account, name: str) -> str:
    return f"{person(account, name)} is the owner of this bot now, by the pairing code. `revoke` undoes it."


def stranger(given: str, *, owned: bool) -> str:
    """`given`: the code for this person; "": there is none."""
    first = "" if owned else " If the bot is yours, send `pair` and the code that it printed when it started."
    if not given:
        return f"I do not know you, and too many people are asking to be let in just now. Try again later.{first}"
    return (
        f"I do not know you, so I do nothing for you. Your code is `{given}`, for an hour. With it an owner of this "
        f"bot can let you in: `grant {given} as member`.{first}"
    )


def welcome(role: Role) -> str:
    if role == "guest":
        return GUEST
    more = " Talk to the agents in conversations that are about a project." if role == "member" else ""
    return f"You were let in: your role is {role}.{more} `help` lists what you may do."


# ---------------------------------------------------------------- answers to owners


def granted(account: Account, name: str, role: Role) -> str:
    return f"{person(account, name)} is {'an' if role[0] in 'aeiou' else 'a'} {role} now."


def revoked(account: Account, name: str) -> str:
    return f"{person(account, name)} is a stranger now. What they began goes on; `stop` ends it."


ORPHANED = (
    " **Nobody in a chat is an owner any more.** The console's user remains one, and the next start of the bot prints "
    "a pairing code."
)


def person(account: Account, name: str) -> str:
    shown = named(first_words(name, 40))
    return f"{shown} ({code(str(account), SHOWN)})" if shown else code(str(account), SHOWN)


def overview(
    members: Sequence[tuple[Account, Member]],
    owners: Sequence[str],
    callers: Sequence[tuple[Caller, str, float]],
    turned_away: int,
    tokens: Sequence[Token] = (),
) -> str:
    """`callers`: each with the code to be shown ("": none), and its age in seconds."""
    lines = [
        *(f"- {code(owner, SHOWN)}: owner, by the settings" for owner in owners),
        *(f"- {person(account, member.name)}: {member.role}{_by(member)}" for account, member in members),
        "- the person at the console: owner",
        *(f"- {code(token.name)}: {token.role}, a token for programs" for token in tokens),
    ]
    if callers:
        lines += ["", "Asking to be let in:", *(_caller(*each) for each in callers)]
    if turned_away:
        lines += ["", f"{counted(turned_away, 'message')} of strangers and guests turned away since the start."]
    return "\n".join(lines)


def _by(member: Member) -> str:
    return f", by {first_words(member.granted_by, 40)}" if member.granted_by else ""


def _caller(caller: Caller, shown: str, age: float) -> str:
    how = f"`grant {shown} as member`, for another {lasting(HOUR - age)}" if shown else f"since {lasting(age)}"
    return f"- {person(caller.account, caller.name)}: {how}"
