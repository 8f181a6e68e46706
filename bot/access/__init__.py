"""Who may do what. Default deny; the person at the console is the owner."""

from bot.access.ambient import Ambient
from bot.access.door import Door
from bot.access.hearing import Hearing
from bot.access.host import barred
from bot.access.keyring import Keyring
from bot.access.memberdesk import AccessDesk
from bot.access.model import API, CONSOLE, Account
from bot.access.roll import Roll

__all__ = ["API", "CONSOLE", "AccessDesk", "Account", "Ambient", "Door", "Hearing", "Keyring", "Roll", "barred"]
