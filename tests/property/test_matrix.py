"""Matrix: whatever people send, and in whatever order things fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.matrix_fake import ANN, BOB, ME
from tests.matrix_rig import World
from tests.transport_fake import FakeReceiver
from transports.base import Ack, Amendment, Disconnected, Inbound, Outbound, TemporaryFailure
from transports.clean import clean_text
from transports.files import safe_name
from transports.matrix.content import edited, new_message, size_of, transaction_of
from transports.matrix.markup import to_html
from transports.matrix.model import Event
from transports.matrix.reading import Changed, Me, Moved, Reacted, Said, membership, read, strip
from transports.matrix.transport import MAX_LENGTH

# ---------------------------------------------------------------- what people send

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)  # half characters as well
WORDS = ANY_TEXT | st.sampled_from(
    ["m.text", "m.file", "m.image", "m.replace", "m.thread", "m.annotation", "$1", "!x", ME, "> <@a> x\n\ny", "invite"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
RELATION = st.fixed_dictionaries(
    {},
    optional={"rel_type": WORDS | JSON, "event_id": WORDS | JSON, "key": WORDS | JSON, "is_falling_back": JSON}
    | {"m.in_reply_to": JSON | st.fixed_dictionaries({"event_id": WORDS | JSON})},
)
SPOKEN: dict[str, Any] = {"msgtype": WORDS | JSON, "body": WORDS | JSON, "formatted_body": WORDS | JSON}
NEW = st.fixed_dictionaries({}, optional=SPOKEN)
CONTENT = st.fixed_dictionaries(
    {},
    optional=SPOKEN
    | {"m.relates_to": RELATION | JSON, "m.new_content": NEW | JSON, "filename": WORDS | JSON}
    | {"m.mentions": JSON | st.fixed_dictionaries({"user_ids": JSON}), "membership": JSON}
    | {"redacts": WORDS | JSON, "replacement_room": WORDS | JSON, "url": JSON, "file": JSON},
)
KINDS = st.sampled_from(
    ["m.room.message", "m.reaction", "m.room.redaction", "m.room.tombstone", "m.room.member", "m.room.encrypted", "x"]
)
TUGBOT = Me(ME, "Tug (bot)")


@given(KINDS, CONTENT, st.none() | WORDS, WORDS)
def test_any_content_can_be_read(kind: str, content: dict[str, Any], state_key: str | None, redacts: str) -> None:
    event = Event("$e", "!room", kind, ANN, 0.0, content, state_key, redacts)
    found = read(event, TUGBOT)
    assert isinstance(membership(event), str)
    if isinstance(found, Said):
        assert found.text.strip() or found.file
        for text in (found.text, found.file):
            assert text == clean_text(text)
        ids = [found.thread, found.reply_to]
    elif isinstance(found, Changed):
        assert found.text is None or found.text == clean_text(found.text)
        ids = [found.of]
    else:
        ids = [found.to] if isinstance(found, Reacted | Moved) else []
    for each in ids:
        assert len(each.encode("ascii")) <= 255  # ids become parts of keys and of addresses
        assert each == "".join(each.split())


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(NAMES, st.sampled_from(["{}: ", "@{} ", "@{}: ", "{}, ", "  {} : "]), NAMES, NAMES)
def test_any_name_can_be_taken_off(name: str, form: str, rest: str, text: str) -> None:
    me = Me("@tugbot:example.org", name)
    found, named = strip(text, me)
    assert text.endswith(found)
    assert named or found == text
    if name.strip() and name == name.strip() and not set("@:,![") & set(name):
        said = "hello " + rest
        assert strip(form.format(name) + said, me) == (said, True)


# ---------------------------------------------------------------- what we send

HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)' onclick=x>",
        "<span data-mx-color='red' style='x'>",
        "[x](javascript:alert(1))",
        '[x](https://a.org"onmouseover=alert(1))',
        "![x](https://a.org/x.png)",
        "<https://a.org>",
        "```py\nx\n```\n",
        '```"><script>\nx\n```\n',
        "| a | b |\n|---|---|\n| <b> | `|` |\n",
        "&lt;script&gt;",
        "</p></span></code></pre>",
        "<!--",
        "<![CDATA[",
        "\x00\x1b[31m\ud800\u202e",
        "**",
        "`",
        "> ",
        "\n\n",
        "- ",
    ]
)
MARKDOWN = st.lists(HOSTILE | ANY_TEXT, max_size=8).map("".join)
ALLOWED = {
    "a": {"href"},
    "ol": {"start"},
    "code": {"class"},
    "span": {"data-mx-color"},
}
TAGS = {
    *("a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol"),
    *("p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"),
}


class Seen(HTMLParser):
    """Fails for whatever a browser could take for more than formatting."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        assert {name for name, _ in attrs} <= ALLOWED.get(tag, set())
        for name, value in attrs:
            assert value is not None
            if name == "href":
                assert (
                    value.partition(":")[0].lower() in ("http", "https", "ftp", "mailto", "magnet") or ":" not in value
                )
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


@given(MARKDOWN, st.lists(st.integers(0, 80), max_size=4))
def test_no_markdown_becomes_more_than_formatting(markdown: str, cuts: list[int]) -> None:
    ends = sorted(min(each, len(markdown)) for each in cuts)
    html = to_html(markdown, tuple(zip(ends[::2], ends[1::2], strict=False)))
    html.encode()
    seen = Seen()
    seen.feed(html)
    seen.close()
    assert seen.open == []


UNITS = st.sampled_from(["𝕏", "é", "€", "<", '"', "\\", "\n", "`", "**x** ", "| a |\n", "\x1b[0m", "\ud800", "x"])
LONG = st.builds(
    lambda units, text: ("".join(units) * MAX_LENGTH)[: MAX_LENGTH - len(text)] + text,
    st.lists(UNITS, min_size=1, max_size=6),
    ANY_TEXT,
)


@settings(max_examples=40, deadline=None)  # rendering the longest messages takes a while
@given(LONG, st.integers(1, 254), st.sampled_from([40_000, 60_000]))
@example("𝕏" * MAX_LENGTH, 254, 40_000)
def test_any_message_of_the_longest_fits(text: str, length: int, limit: int) -> None:
    event_id = "$" + "e" * length
    assert size_of(new_message(Outbound("matrix/!room", text), event_id, limit)) <= limit
    assert size_of(edited(event_id, Outbound("matrix/!room", text), limit)) <= limit


KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=10)
PLACES = st.tuples(KEYS, KEYS, st.sampled_from(["", "👍", "✔️"]))


@given(PLACES, PLACES)
def test_transactions_are_the_same_for_the_same_and_for_nothing_else(one: Any, other: Any) -> None:
    def transaction(place: tuple[str, str, str]) -> str:
        return transaction_of(Outbound(place[0], "x", key=place[1]), place[2])

    assert (transaction(one) == transaction(other)) is (one == other)


@given(ANY_TEXT | st.text(st.sampled_from("./\\ ~x𝕏é\n\x00"), max_size=300))
def test_any_name_becomes_one_that_stays_in_its_directory(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert "/" not in safe
    assert "\\" not in safe
    assert not safe.startswith(".")
    assert safe.isprintable()
    assert len(safe.encode()) <= 200
    assert safe_name(safe) == safe or len(name) > 50  # what is safe already is left alone


# ---------------------------------------------------------------- what fails


class Store(FakeReceiver):
    """Fails from some event on, until it is mended: what came behind a failure is not taken before it."""

    def __init__(self) -> None:
        super().__init__()
        self.good: int | None = None  # events until it fails; None: it works

    def _taken(self, event: Inbound | Amendment) -> asyncio.Future[Ack]:
        if self.good == 0:
            self.failures = [OSError("disk full")]
        elif self.good is not None:
            self.good -= 1
        return super()._taken(event)


@dataclass
class Play:
    """Rooms 0 to 2; we are asked into each at some time, and what is said behind that is said to us."""

    limit: int
    page: int
    expected: dict[str, list[str]] = field(default_factory=dict)  # by room
    sealed: dict[str, str] = field(default_factory=dict)  # text by event id
    count: int = 0

    def __post_init__(self) -> None:
        self.world = World(limit=self.limit, page=self.page)
        self.store = self.world.receiver = Store()
        self.store.admitted = {ANN}
        self.rooms = [self.world.server.make(ANN, BOB) for _ in range(3)]

    async def say(self, room: int, who: int) -> None:
        self.count += 1
        self._expect(room, f"m{self.count}")
        self.world.server.say(self.rooms[room], f"m{self.count}", (ANN, BOB)[who % 2])

    async def seal(self, room: int, _: int) -> None:
        if self.rooms[room] in self.expected:
            self.count += 1
            self.sealed[self.world.server.seal(self.rooms[room], f"s{self.count}")] = f"s{self.count}"

    async def open(self, room: int, number: int) -> None:
        self.world.server.bring_keys(*list(self.sealed)[:number])

    async def thread(self, room: int, number: int) -> None:
        self.count += 1
        relation: dict[str, Any] = {"m.relates_to": {"rel_type": "m.thread", "event_id": f"${number}"}}
        self._expect(room, f"m{self.count}")
        self.world.server.say(self.rooms[room], f"m{self.count}", **relation)

    async def edit(self, room: int, number: int) -> None:
        self.world.server.edit(self.rooms[room], f"${number}", "edited", (ANN, BOB)[number % 2])

    async def ours(self, room: int, number: int) -> None:
        if self.world.server.rooms[self.rooms[room]].members.get(ME) == "join":
            target = f"matrix/{self.rooms[room]}"
            await self._try(self.world.transport.send(Outbound(target, f"ours {number}", key=f"k{number}")))

    async def invite(self, room: int, _: int) -> None:
        if self.rooms[room] not in self.expected:
            self.expected[self.rooms[room]] = []
            self.world.server.invite(self.rooms[room])

    async def settle(self, *_: int) -> None:
        await self._try(self.world.settle())
        self.store.good = None

    async def crash(self, *_: int) -> None:
        self.world.boot()

    async def break_store(self, _: int, number: int) -> None:
        self.store.good = number

    async def break_keepsakes(self, _: int, number: int) -> None:
        self.world.keepsakes.failures = [OSError("disk full")] * (number % 2 + 1)

    async def break_network(self, kind: int, number: int) -> None:
        call = ("sync", "older", "event", "join", "put", "start", "ask_for_key")[number % 7]
        trouble = (TemporaryFailure("busy"), Disconnected("no route"), TemporaryFailure("late"))[kind]
        works: list[Exception | None] = [None] * (number % 3)
        (self.world.server.lost if kind == 2 else self.world.server.faults)[call] = [*works, trouble]

    async def end(self) -> None:
        self.world.server.faults.clear()
        self.world.server.lost.clear()
        self.world.keepsakes.failures = []
        self.store.good, self.store.failures = None, []
        self.world.server.bring_keys(*self.sealed)
        await self.world.settle()
        self.world.boot()
        await self.world.settle()

    def check(self) -> None:
        said = self.world.inbound()
        assert len({event.event_id for event in said}) == len(said)
        for room, expected in self.expected.items():
            spoken = [each.text for each in said if each.target.startswith(f"matrix/{room}") and each.text[0] == "m"]
            assert spoken == expected
        assert sorted(each.text for each in said if each.text[0] == "s") == sorted(self.sealed.values())
        assert {each.sender for each in said} <= {ANN, BOB}
        assert len(said) == len(self.sealed) + sum(map(len, self.expected.values()))

    def _expect(self, room: int, text: str) -> None:
        if self.rooms[room] in self.expected:
            self.expected[self.rooms[room]].append(text)

    async def _try(self, work: Awaitable[object]) -> None:
        try:
            await work
        except (Disconnected, TemporaryFailure, OSError):
            self.store.failures = []


Step = Callable[[Play, int, int], Awaitable[None]]
OFTEN: list[Step] = [Play.say, Play.thread, Play.settle]
STEPS: list[Step] = [
    *OFTEN * 3,
    *(Play.seal, Play.seal, Play.open, Play.edit, Play.ours, Play.invite, Play.invite, Play.crash, Play.crash),
    *(Play.break_store, Play.break_keepsakes, Play.break_network),
]
PLAYS = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2), st.integers(0, 12)), min_size=10, max_size=50)


async def play(steps: list[tuple[Step, int, int]], limit: int, page: int) -> None:
    game = Play(limit, page)
    await game.invite(0, 0)
    for step, room, number in steps:
        await step(game, room, number)
    await game.end()
    game.check()


@settings(max_examples=300, deadline=None)
@given(PLAYS, st.integers(1, 4), st.integers(1, 4))
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[tuple[Step, int, int]], limit: int, page: int) -> None:
    asyncio.run(play(steps, limit, page))
