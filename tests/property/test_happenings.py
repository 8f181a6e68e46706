"""Whatever is put up, read, and read on from: nothing is missing, nothing comes twice, or the reader is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.gateway.events import View
from bot.happenings import Board, Fallen
from bot.happenings.model import RunNoted
from tests.happenings_world import board, parsed

SESSIONS = ("a", "b")


@dataclass
class Reader:
    """Keeps what it heard, and the last id, as a browser does."""

    view: View
    position: int = 0
    last_id: str = ""
    heard: list[int] = field(default_factory=list)  # numbers since the last reset
    since: int = 0  # what was put up before it counts no more

    def connect(self, board: Board) -> None:
        known = board.position(self.last_id)
        if isinstance(known, int):
            self.position = known
        else:
            self.reset(board)

    def reset(self, board: Board) -> None:
        self.position = self.since = board.newest
        self.heard.clear()
        self.last_id = parsed(board.reset("behind"))[0].id

    def read(self, board: Board, most: int) -> None:
        try:
            read = board.read(self.position, self.view, most)
        except Fallen:
            self.reset(board)
            return
        for event in parsed(read.data):
            self.heard.append(int(event.data["text"]))
            self.last_id = event.id
        self.position = read.upto


steps = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.sampled_from(SESSIONS), st.booleans(), st.integers(0, 200)),
        st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 2_000)),
        st.tuples(st.just("reconnect"), st.integers(0, 2)),
    ),
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(steps, st.integers(1, 12), st.integers(300, 5_000))
def test_a_reader_misses_nothing_and_hears_nothing_twice(steps: list[tuple[object, ...]], kept: int, size: int) -> None:
    here = board(kept=kept, kept_bytes=size)
    views = [View(everything=True), View(everything=True, session="a"), View(everything=False)]
    readers = [Reader(view) for view in views]
    for reader in readers:
        reader.connect(here)
    put_up: list[tuple[str, bool]] = []  # session, and whether it is bound; in order
    for step in steps:
        match step:
            case ("tell", str(session), bool(bound), int(length)):
                put_up.append((session, bound))
                text = f"{len(put_up):0{length + 1}d}"
                here.tell(RunNoted(run=1, session=session, project="p" if bound else None, text=text))
            case ("read", int(who), int(most)):
                readers[who].read(here, most)
            case ("reconnect", int(who)):
                readers[who].connect(here)
        assert here.held <= size
    for reader in readers:
        while (before := reader.position) != here.newest or before == 0:
            reader.read(here, 10**6)
            if reader.position == before:
                break
        later = [(number, *what) for number, what in enumerate(put_up, 1) if number > reader.since]
        view = reader.view
        assert reader.heard == [
            number for number, session, bound in later if (bound or view.everything) and view.session in (None, session)
        ]
