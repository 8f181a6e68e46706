"""P3: one run per workspace, so many in all, first come first served."""

from dispatcher.admission import Admission, Place, Ticket


class Line:
    """Tickets by session, and who was admitted in which order."""

    def __init__(self, slots: int) -> None:
        self.admission = Admission(slots)
        self.admitted: list[str] = []
        self.moves: list[str] = []

    def request(self, session: str, workspace: str) -> Ticket:
        return self.admission.request(
            session,
            workspace,
            granted=lambda: self.admitted.append(session),
            moved=lambda: self.moves.append(session),
        )


def test_p3_one_run_per_workspace() -> None:
    line = Line(4)
    first = line.request("a", "w")
    second = line.request("b", "w")
    assert first.admitted
    assert not second.admitted
    assert line.admission.place(second) == Place(1, "a")
    line.admission.release(first)
    assert second.admitted


def test_p3_the_cap_holds_and_the_line_is_first_come_first_served() -> None:
    line = Line(2)
    tickets = {name: line.request(name, name) for name in "abcd"}
    assert line.admitted == ["a", "b"]
    assert line.admission.place(tickets["d"]) == Place(2, "")
    line.admission.release(tickets["b"])
    assert line.admitted == ["a", "b", "c"]
    assert line.admission.place(tickets["d"]) == Place(1, "")


def test_a_busy_workspace_does_not_hold_up_others() -> None:
    line = Line(2)
    line.request("a", "w")
    line.request("b", "w")
    line.request("c", "other")
    assert line.admitted == ["a", "c"]


def test_leaving_the_line_moves_the_others_up() -> None:
    line = Line(1)
    line.request("a", "a")
    second, third = line.request("b", "b"), line.request("c", "c")
    line.moves.clear()
    line.admission.release(second)
    line.admission.release(second)
    assert line.moves == ["c"]
    assert line.admission.place(third).number == 1


def test_releasing_twice_frees_one_slot() -> None:
    line = Line(1)
    ticket = line.request("a", "a")
    line.admission.release(ticket)
    line.admission.release(ticket)
    assert line.admission.free == 1


def test_a_quarantined_workspace_admits_nobody_until_it_is_reopened() -> None:
    line = Line(4)
    line.admission.quarantine("w", "run 9")
    ticket = line.request("a", "w")
    assert not ticket.admitted
    assert line.admission.place(ticket) == Place(1, "run 9")
    line.admission.reopen("w")
    assert ticket.admitted
