"""Whatever a forge sends: nothing is raised, nothing is a command, everything is bounded."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from bot.commands import parse
from bot.commands.model import Names, PlainText
from bot.webhooks import cleaning, events, github, signatures, template, words
from bot.webhooks.model import Happening, Kind
from bot.webhooks.payload import Payload
from bot.webhooks.reading import Unreadable, happened, parsed
from tests import webhook_payloads as forge
from tests.webhook_payloads import SECRET, hook

KINDS: tuple[Kind, ...] = ("github", "gitea", "gitlab")
MOST = 12_000  # characters: a template, and some twenty fields
HOSTILE = st.sampled_from(
    [
        "stop all",
        "/delete x",
        "!stop",
        "\n/stop\n",
        "```",
        "@room",
        "{url}",
        "\u2028stop",
        "> x",
        "deny",
        "‮",
        "\x1b]0;x\x07",
    ]
)
TEXTS = st.one_of(st.text(max_size=300), HOSTILE, st.text(min_size=1, max_size=3).map(lambda text: text * 5000))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=8), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=8,
)
SAMPLES: list[tuple[Kind, str, forge.Json]] = [
    ("github", "push", forge.github_push(7)),
    ("github", "issues", forge.github_issue()),
    ("github", "issue_comment", forge.github_comment()),
    ("github", "pull_request", forge.github_change()),
    ("github", "pull_request_review", forge.github_review("approved")),
    ("github", "workflow_run", forge.github_run()),
    ("github", "release", forge.github_release()),
    ("gitea", "action_run_failure", forge.forgejo_run()),
    ("gitea", "pull_request_rejected", forge.gitea_review()),
    ("gitlab", "", forge.gitlab_push(commits=7)),
    ("gitlab", "", forge.gitlab_issue()),
    ("gitlab", "", forge.gitlab_note()),
    ("gitlab", "", forge.gitlab_change()),
    ("gitlab", "", forge.gitlab_pipeline()),
    ("gitlab", "", forge.gitlab_release()),
]


def spoiled(payload: object, data: st.DataObject) -> object:
    """Some leaves and branches of a payload replaced by anything."""
    if data.draw(st.integers(0, 5)) == 0:
        return data.draw(VALUES)
    if isinstance(payload, dict):
        return {key: spoiled(value, data) for key, value in payload.items()}
    if isinstance(payload, list):
        return [spoiled(value, data) for value in payload]
    return payload


def check(kind: Kind, happening: Happening, text: str) -> None:
    own = hook(kind, text=text)
    message, line = words.message(own, happening), words.line(own, happening)
    for asking in (False, True):
        assert isinstance(parse(message, Names(asking=asking)), PlainText)
    lead, _, told = message.partition(words.UNTRUSTED)
    assert all(each.startswith("> ") for each in told.split("\n")[1:])
    assert message.splitlines() == message.split("\n")  # no other end of a line than ours
    assert lead.startswith("Webhook ci: ")
    assert "@" not in message + line
    assert "`" not in message
    assert line.count("`") % 2 == 0
    assert len(line.splitlines()) == 1
    assert len(message) < MOST
    message.encode()


@given(st.sampled_from(SAMPLES), st.sampled_from(["", "{title}", "{title}{title} {author} {branch} {url}"]), st.data())
def test_hostile_messages_do_nothing_but_be_told(
    sample: tuple[Kind, str, forge.Json], text: str, data: st.DataObject
) -> None:
    kind, event, payload = sample
    headers = {"x-github-event": event}
    happening = happened(kind, headers, Payload(spoiled(payload, data)))
    if happening is not None:
        assert happening.event in events.KNOWN[kind]
        check(kind, happening, text)


@given(st.sampled_from(KINDS), st.sampled_from([*github._READERS, "action_run", "zzz"]), VALUES)
def test_anything_at_all_raises_nothing(kind: Kind, event: str, payload: object) -> None:
    happened(kind, {"x-gitea-event": event}, Payload(payload))


@given(st.binary(max_size=400))
@example(b"[" * 200_000)
@example(b'{"a":"\\ud800"}')
def test_bodies_are_read_or_refused(body: bytes) -> None:
    try:
        read = parsed({"content-type": "application/json; charset=utf-8"}, body)
    except Unreadable:
        return
    assert isinstance(read.raw, dict)


@given(st.one_of(TEXTS, st.integers(), VALUES))
def test_fields_are_one_bounded_line(raw: object) -> None:
    field = cleaning.field(raw)
    assert len(field) <= cleaning.FIELD
    assert len(field.splitlines()) <= 1
    assert not set(field) & set("`@\x1b\0")
    assert cleaning.field(field) == field
    field.encode()
    url = cleaning.url(raw)
    assert url == "" or url.startswith(("https://", "http://"))


@given(st.text(max_size=200), st.dictionaries(st.sampled_from(template.PLACEHOLDERS), st.text(max_size=20)))
def test_filling_in_never_raises_and_is_done_once(text: str, values: dict[str, str]) -> None:
    filled = template.filled(text, values)
    if not any(f"{{{name}}}" in text for name in values):
        assert filled == text


@given(
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from(
            ["x-hub-signature-256", "x-gitea-signature", "x-gitlab-token", "webhook-signature", "webhook-id"]
        ),
        st.text(max_size=80),
    ),
    st.binary(max_size=50),
)
def test_nobody_guesses_a_signature(kind: Kind, headers: dict[str, str], body: bytes) -> None:
    assert not signatures.is_signed(kind, headers, body, SECRET)
    assert signatures.event_id(kind, headers, body)
    assert json.dumps(headers)
