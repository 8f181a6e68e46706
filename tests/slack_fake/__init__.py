"""A Slack of our own: Web API, Socket Mode, signed HTTP, with faults on demand. tests/contract/test_slack_fake.py runs
the real slack-bolt and slack-sdk against it.

In the test's event loop `async with FakeSlack() as slack:`; for a bot that runs as another process
`with SlackServer() as slack:`.
"""

from tests.slack_fake.fake import SUBSCRIBED, FakeSlack
from tests.slack_fake.faults import Fault, drop, error, hang, rate_limited, status, taken_but
from tests.slack_fake.model import (
    ANN,
    APP,
    APP_TOKEN,
    BOB,
    BOT,
    BOT_ID,
    BOT_TOKEN,
    SIGNING_SECRET,
    TEAM,
    Attempt,
    Call,
    Delivery,
    Ping,
    Shown,
)
from tests.slack_fake.server import SlackServer

__all__ = [
    "ANN",
    "APP",
    "APP_TOKEN",
    "BOB",
    "BOT",
    "BOT_ID",
    "BOT_TOKEN",
    "SIGNING_SECRET",
    "SUBSCRIBED",
    "TEAM",
    "Attempt",
    "Call",
    "Delivery",
    "FakeSlack",
    "Fault",
    "Ping",
    "Shown",
    "SlackServer",
    "drop",
    "error",
    "hang",
    "rate_limited",
    "status",
    "taken_but",
]
