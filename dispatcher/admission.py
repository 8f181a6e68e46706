"""Who may run now: one run per workspace, so many in all, first come first served among those whose workspace is free.

No method awaits, so no two callers can see half a change and no lock is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class Ticket:
    """A place in line, then a workspace and a slot together. Held until released or withdrawn."""

    session: str
    workspace: str
    granted: Callable[[], None]  # called once, when workspace and slot are this ticket's
    moved: Callable[[], None]  # called when the place in line may have changed
    admitted: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    number: int  # 1 is next
    ahead: str  # session that holds the workspace, or why it is closed; "" when only a slot is missing


class Admission:
    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._holders: dict[str, Ticket] = {}  # by workspace
        self._line: list[Ticket] = []
        self._quarantined: dict[str, str] = {}  # workspace → why
        self._occupied: dict[str, str] = {}  # workspace → by what

    def request(
        self, session: str, workspace: str, *, granted: Callable[[], None], moved: Callable[[], None]
    ) -> Ticket:
        """Join the line. The ticket may be admitted already when this returns; `granted` is called either way."""
        ticket = Ticket(session, workspace, granted, moved)
        self._line.append(ticket)
        self._settle()
        return ticket

    def release(self, ticket: Ticket) -> None:
        """Give back what the ticket holds, or its place in line. Idempotent."""
        if ticket.admitted:
            ticket.admitted = False
            del self._holders[ticket.workspace]
        elif ticket in self._line:
            self._line.remove(ticket)
        else:
            return
        self._settle()

    def quarantine(self, workspace: str, why: str) -> None:
        """Close a workspace in which processes of a run could not be killed."""
        self._quarantined[workspace] = why

    def reopen(self, workspace: str) -> None:
        if self._quarantined.pop(workspace, None) is not None:
            self._settle()

    def occupy(self, workspace: str, why: str) -> None:
        """Keep runs out of a workspace while something else is done there."""
        self._occupied[workspace] = why

    def vacate(self, workspace: str) -> None:
        if self._occupied.pop(workspace, None) is not None:
            self._settle()

    def is_quarantined(self, workspace: str) -> bool:
        return workspace in self._quarantined

    def place(self, ticket: Ticket) -> Place:
        """Where a waiting ticket stands."""
        return Place(self._line.index(ticket) + 1, self._ahead(ticket))

    @property
    def free(self) -> int:
        return self._slots - len(self._holders)

    def _ahead(self, ticket: Ticket) -> str:
        for closed in (self._quarantined, self._occupied):
            if ticket.workspace in closed:
                return closed[ticket.workspace]
        holder = self._holders.get(ticket.workspace)
        return holder.session if holder else ""

    def _settle(self) -> None:
        for ticket in list(self._admissible()):
            ticket.granted()
        for ticket in list(self._line):
            ticket.moved()

    def _admissible(self) -> Iterator[Ticket]:
        for ticket in list(self._line):
            if self.free <= 0:
                return
            if any(ticket.workspace in each for each in (self._holders, self._quarantined, self._occupied)):
                continue
            ticket.admitted = True
            self._holders[ticket.workspace] = ticket
            self._line.remove(ticket)
            yield ticket
