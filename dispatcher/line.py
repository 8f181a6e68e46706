"""A lane's place in line: asking for workspace and slot, giving them up, telling people where they stand."""

from __future__ import annotations

import asyncio
from functools import partial

from dispatcher.admission import Admission, Ticket
from dispatcher.lane import Lane
from dispatcher.model import Limits, Observer, Row


def workspace_of(row: Row) -> str:
    """What a run locks: its project, or the session's own scratch directory."""
    return f"project/{row.binding.project}" if row.binding.project else f"session/{row.event.session}"


class Line:
    def __init__(self, limits: Limits, observer: Observer) -> None:
        self.admission = Admission(limits.max_runs)
        self._told_after = limits.told_after
        self._observer = observer
        self._loop = asyncio.get_running_loop()

    def admit(self, lane: Lane, ids: tuple[int, ...]) -> bool:
        """True once workspace and slot are this lane's."""
        # Once due, a batch stays due: what arrives while it waits in line joins it and opens no new window.
        lane.hurried_upto = max(lane.hurried_upto, ids[-1])
        workspace = workspace_of(lane.rows[0])
        if lane.ticket is not None and lane.ticket.workspace != workspace:
            self.withdraw(lane)
        if lane.ticket is None:
            lane.waiting_since = self._loop.time()
            lane.ticket = self.admission.request(
                lane.session, workspace, granted=lane.wake.set, moved=partial(self._moved, lane)
            )
        return lane.ticket.admitted

    def withdraw(self, lane: Lane) -> None:
        """Give up the place, or what was granted and is not needed after all."""
        if lane.ticket is not None:
            ticket, lane.ticket, lane.told = lane.ticket, None, None
            self.admission.release(ticket)

    def leave(self, lane: Lane) -> Ticket:
        """The lane runs: its ticket is the run's now."""
        assert lane.ticket is not None
        ticket, lane.ticket = lane.ticket, None
        if lane.told is not None:
            lane.told = None
            self._observer.admitted(lane.session)
        return ticket

    def tell_at(self, lane: Lane) -> float | None:
        """Tell the place in line when the wait has lasted; None once told, else when to come back."""
        at = lane.waiting_since + self._told_after
        if lane.told is None and self._loop.time() >= at:
            self._tell(lane)
        return None if lane.told else at

    def is_barred(self, lane: Lane) -> bool:
        """Whether the lane waits for a workspace that is closed until someone deals with what runs in it."""
        return lane.ticket is not None and self.admission.is_quarantined(lane.ticket.workspace)

    def _moved(self, lane: Lane) -> None:
        if lane.told is not None:
            self._tell(lane)

    def _tell(self, lane: Lane) -> None:
        if lane.ticket is None or lane.ticket.admitted:
            return
        place = self.admission.place(lane.ticket)
        if place != lane.told:
            lane.told = place
            self._observer.queued(lane.session, lane.rows[-1].target, place.number, place.ahead)
