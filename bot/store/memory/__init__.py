"""The store's in-memory twin: same methods, same meaning, no database. For tests of whatever stands on the store."""

from bot.store.memory.disk import Disk
from bot.store.memory.store import MemoryStore

__all__ = ["Disk", "MemoryStore"]
