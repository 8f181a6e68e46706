"""A forge's request: who signed it, and what it is answered."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from bot.gateway.metrics import Vitals
from bot.gateway.vitals import Backstage, Look
from bot.store.records import Books
from bot.webhooks import signatures
from bot.webhooks.hook import WebhookEntrance
from bot.webhooks.model import Kind
from dispatcher.model import StoreUnavailable
from tests.webhook_payloads import (
    SECRET,
    github_issue,
    github_run,
    gitlab_pipeline,
    hook,
    sent,
    standard,
    tag,
)
from transports.base import Ack, HookRequest, HookResponse, Inbound

BODY = b'{"a": 1}'


@dataclass
class World:
    """The bot, as a hook sees it."""

    kind: Kind = "github"
    secret: str = SECRET
    ack: Ack | Exception = field(default_factory=lambda: Ack("accepted", 7))
    now: float = 0.0
    heard: list[Inbound] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        own = hook(self.kind, "workflow_run.failure", "issues.opened", "pipeline.failed")
        self.entrance = WebhookEntrance(
            own, lambda: self.secret, self.receive, lambda *said: self.said.append(said), lambda: self.now
        )

    async def receive(self, inbound: Inbound) -> Ack:
        self.heard.append(inbound)
        if isinstance(self.ack, Exception):
            raise self.ack
        return self.ack

    async def ask(self, request: HookRequest) -> tuple[int, Mapping[str, str], HookResponse]:
        answer = await self.entrance.answer(request)
        assert answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(answer.body), answer


FAILED = sent("github", "workflow_run", github_run())


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("github", {"x-hub-signature-256": f"sha256={tag(BODY)}"}),
        ("gitea", {"x-gitea-signature": tag(BODY)}),
        ("gitea", {"x-forgejo-signature": tag(BODY)}),
        ("gitea", {"x-hub-signature-256": f"sha256={tag(BODY)}"}),
        ("gitlab", {"x-gitlab-token": SECRET}),
        ("gitlab", standard(BODY)),
        ("gitlab", {**standard(BODY), "webhook-signature": "v1,AAAA " + standard(BODY)["webhook-signature"]}),
        ("gitlab", {**standard(BODY), "x-gitlab-token": "another"}),
    ],
)
def test_who_knows_the_secret_is_believed(kind: Kind, headers: Mapping[str, str]) -> None:
    assert signatures.is_signed(kind, headers, BODY, SECRET)
    assert not signatures.is_signed(kind, headers, BODY, "")
    assert not signatures.is_signed(kind, headers, BODY, signatures.make())
    if "x-gitlab-token" not in headers or "webhook-signature" in headers:
        assert not signatures.is_signed(kind, headers, BODY + b" ", SECRET)


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("github", {}),
        ("github", {"x-hub-signature-256": ""}),
        ("github", {"x-hub-signature-256": tag(BODY)}),  # without its method
        ("github", {"x-hub-signature-256": f"sha256={tag(BODY).upper()}"}),
        ("github", {"x-hub-signature-256": "sha256=\udc80ä"}),
        ("github", {"x-gitea-signature": tag(BODY)}),
        ("gitea", {"x-gitea-signature": "", "x-hub-signature-256": f"sha256={tag(BODY)}"}),
        ("gitea", {"x-forgejo-signature": "0" * 64, "x-gitea-signature": tag(BODY)}),
        ("gitlab", {}),
        ("gitlab", {"x-gitlab-token": ""}),
        ("gitlab", {"x-gitlab-token": SECRET + "x"}),
        ("gitlab", {**standard(BODY), "webhook-id": "another"}),
        ("gitlab", {**standard(BODY), "webhook-timestamp": "1"}),
        ("gitlab", {**standard(BODY), "webhook-signature": "", "x-gitlab-token": SECRET}),  # a worse proof beside
        ("gitlab", {**standard(BODY), "webhook-signature": "v1a," + "A" * 44}),
        ("gitlab", {"webhook-signature": " " * 100_000}),
    ],
)
def test_nobody_else_is(kind: Kind, headers: Mapping[str, str]) -> None:
    assert not signatures.is_signed(kind, headers, BODY, SECRET)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!!", "no-prefix-at-all-but-long", ""])
def test_what_is_no_signing_token_signs_nothing(secret: str) -> None:
    assert not signatures.is_signed("gitlab", standard(BODY), BODY, secret)


def test_githubs_own_example() -> None:
    headers = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    assert signatures.is_signed("github", headers, b"Hello, World!", "It's a Secret to Everybody")


def test_secrets_that_are_made_are_signing_tokens_of_32_bytes() -> None:
    made = signatures.make()
    assert made != signatures.make()
    assert len(signatures._signing_key(made)) == 32


def test_a_redelivery_has_the_name_of_the_first() -> None:
    for kind in ("github", "gitea"):
        first = signatures.event_id(kind, {"x-github-delivery": "1"}, BODY)
        # whoever overheard one can put any other id beside it
        assert signatures.event_id(kind, {"x-github-delivery": "2"}, BODY) == first
        assert signatures.event_id(kind, {}, BODY + b" ") != first
    assert signatures.event_id("gitlab", standard(BODY), BODY) == "id:msg-1"
    assert signatures.event_id("gitlab", {"idempotency-key": "f5e5"}, BODY) == "id:f5e5"
    odd = ("", "x" * 500, "a b", "ä", "\n")
    for name in odd:
        assert signatures.event_id("gitlab", {"idempotency-key": name}, BODY).startswith("body:")


# ---------------------------------------------------------------- what is answered


async def test_what_is_signed_is_handed_in_and_answered_once_it_is_on_the_disk() -> None:
    world = World()
    status, said, _ = await world.ask(FAILED)
    assert (status, said) == (202, {"status": "accepted"})
    (inbound,) = world.heard
    assert (inbound.session, inbound.target) == ("matrix/!room:example.org", "matrix/!room:example.org")
    assert (inbound.transport, inbound.account, inbound.sender) == ("hook", "hook/ci", "ci")
    assert inbound.sender_name == "ci (GitHub)"
    assert inbound.addressed
    assert not inbound.direct
    assert not inbound.answers
    ((target, line),) = world.said
    assert target == "matrix/!room:example.org"
    assert line.startswith("**ci** workflow_run.failure")


async def test_a_duplicate_says_nothing() -> None:
    world = World(ack=Ack("duplicate", 7))
    status, said, _ = await world.ask(FAILED)
    assert (status, said, world.said) == (202, {"status": "duplicate"}, [])


async def test_what_was_refused_is_not_sent_again() -> None:
    world = World(ack=Ack("refused", 7, "200 messages are waiting already"))
    assert (await world.ask(FAILED))[:2] == (202, {"status": "refused"})


async def test_a_store_that_is_down_makes_the_forge_try_again() -> None:
    world = World(ack=StoreUnavailable("disk full"))
    status, said, answer = await world.ask(FAILED)
    assert (status, said, answer.headers["Retry-After"]) == (503, {"error": "unavailable"}, "30")


async def test_without_a_secret_there_is_no_hook() -> None:
    world = World(secret="")
    assert (await world.ask(FAILED))[:2] == (404, {"error": "not_found"})
    assert not world.heard


async def test_a_secret_counts_as_soon_as_it_is_there() -> None:
    world = World(secret="")
    await world.ask(FAILED)
    world.secret = SECRET
    assert (await world.ask(FAILED))[0] == 202


async def test_wrong_signatures_are_counted_and_told_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    body = b'{"said": "hunter2"}'
    with caplog.at_level(logging.WARNING, "bot.webhooks"):
        for _ in range(3):
            assert (await world.ask(replace(FAILED, body=body)))[:2] == (401, {"error": "unauthorized"})
        assert len(caplog.records) == 1
        world.now = 3600.0
        await world.ask(replace(FAILED, body=body))
    assert len(caplog.records) == 2
    assert "hunter2" not in caplog.text
    assert world.entrance.outcomes == {"unsigned": 4}
    assert not world.heard


async def test_other_methods_are_refused() -> None:
    status, _, answer = await World().ask(replace(FAILED, method="GET", body=b""))
    assert (status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "", "text/json"])
async def test_other_content_types_are_refused_with_a_hint(kind: str) -> None:
    status, said, _ = await World().ask(sent("github", "issues", github_issue(), content_type=kind))
    assert status == 415
    assert "application/json" in said["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5000, b"null"]
)
async def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    headers = {**FAILED.headers, "x-hub-signature-256": f"sha256={tag(body)}"}
    world = World()
    assert (await world.ask(replace(FAILED, body=body, headers=headers)))[:2] == (400, {"error": "bad_request"})
    assert not world.heard


async def test_a_ping_is_answered_and_nothing_said() -> None:
    world = World()
    assert (await world.ask(sent("github", "ping", {"zen": "stop all"})))[:2] == (200, {"status": "pong"})
    assert not world.heard


async def test_events_that_nobody_asked_for_are_passed_over() -> None:
    world = World()
    for request in (
        sent("github", "workflow_run", github_run("success")),
        sent("github", "issues", github_issue("closed")),
        sent("github", "star", {}),
    ):
        assert (await world.ask(request))[:2] == (200, {"status": "ignored"})
    assert not world.heard


async def test_sixty_a_minute_are_taken() -> None:
    world = World()
    for number in range(60):
        world.now = number / 10
        assert (await world.ask(FAILED))[0] == 202
    status, _, answer = await world.ask(FAILED)
    assert (status, answer.headers["Retry-After"]) == (429, "55")
    await world.ask(sent("github", "star", {}))  # what is passed over counts for nothing
    world.now = 60.0
    assert (await world.ask(FAILED))[0] == 202
    assert (await world.ask(FAILED))[0] == 429
    assert world.entrance.outcomes == {"accepted": 61, "too_many": 2, "ignored": 1}


def test_requests_are_counted_in_the_metrics() -> None:
    async def unread() -> Books:
        raise StoreUnavailable

    async def none() -> dict[tuple[str, str], int]:
        return {}

    stage = Backstage(unread, none, dict, dict, dict, tuple, hooks=lambda: {("ci", "unsigned"): 3})
    found = {each.name: each.samples for each in Vitals(stage, Look(None, {})).collect()}
    (sample,) = found["tugbot_hook_requests"]
    assert (sample.name, sample.labels, sample.value) == (
        "tugbot_hook_requests_total",
        {"hook": "ci", "outcome": "unsigned"},
        3,
    )


async def test_gitlab_by_token_and_by_signature() -> None:
    world = World(kind="gitlab")
    by_token = sent("gitlab", "Pipeline", gitlab_pipeline(), idempotency_key="f5e5-1")
    assert (await world.ask(by_token))[0] == 202
    signed = replace(by_token, headers={"content-type": "application/json", **standard(by_token.body)})
    assert (await world.ask(signed))[0] == 202
    assert [each.event_id for each in world.heard] == ["id:f5e5-1", "id:msg-1"]


async def test_on_the_page_the_message_itself_is_shown() -> None:
    world = World()
    world.entrance.hook = replace(world.entrance.hook, session="web/console:me/ci")
    await world.ask(FAILED)
    assert (len(world.heard), world.said) == (1, [])
