"""What happens, told once it has happened, to whoever follows it live: bounded, in order, resumable."""

from bot.happenings.board import Board
from bot.happenings.model import Happening, Tell, nobody
from bot.happenings.ring import Entry, Fallen, Read

__all__ = ["Board", "Entry", "Fallen", "Happening", "Read", "Tell", "nobody"]
