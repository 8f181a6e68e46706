"""What the log shows, and that it shows no secret, whichever logger was told one."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import hidden, logs
from bot.access import keys
from bot.redact import MARK
from bot.secrets import Secrets

ENV = 'agent-"env"\\secret-5c1e'  # a value that JSON and repr write otherwise
KEY = "-----BEGIN MADE UP KEY-----\nbGluZS1vbmUtb2YtdGhlLWtleQ\nbGluZS10d28tb2YtdGhlLWtleQ\n-----END MADE UP KEY-----"
MATRIX = "matrix-access-token-77"
KNOWN = {
    "an agent's": ENV,
    "a key, whole": KEY,
    "a line of a key": "bGluZS10d28tb2YtdGhlLWtleQ",
    "Matrix'": MATRIX,
    "Matrix' own shape": "syt_dHVnYm90_abcdefghijklmnopqrst_0abcde",
    "Slack's bot": "xoxb-1-2-planted-token",
    "Slack's app": "xapp-1-A01-2-planted-token",
    "Slack's signing": "0123456789abcdef" * 2,
    "the gateway's": keys.make(keys.TOKEN),
    "a database's": "correct horse",
    "a header": "Bearer opaque-thing-of-others",
    "a query's": "wss://example.org/link?ticket=opaque-thing-of-others",
}


@pytest.fixture(autouse=True)
def _planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(hidden, "_logged", hidden.Values())
    monkeypatch.setattr(hidden, "_shown", hidden.Values())
    monkeypatch.setattr(hidden, "_noted", set())
    Secrets(tmp_path).set("claude", "KEY_OF_MINE", ENV)
    (tmp_path / "secrets" / "project.x.json").write_text(json.dumps({"GIT_SSH_KEY": KEY}))
    (tmp_path / "secrets" / "project.x.json").chmod(0o600)
    Secrets(tmp_path).read("project.x")
    hidden.note_environment(
        {"TUGBOT_MATRIX_TOKEN": MATRIX, "TUGBOT_SLACK_SIGNING_SECRET": "0123456789abcdef" * 2, "PATH": "/usr/bin:/bin"}
    )
    hidden.note_url("postgresql+psycopg://me:correct%20horse@db/tugbot")
    yield
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    logging.captureWarnings(False)


def logged(*, json_lines: bool) -> io.StringIO:
    stream = io.StringIO()
    logs.configure("debug", json_lines=json_lines, stream=stream)
    return stream


def fail(secret: str) -> None:
    raise RuntimeError(f"the answer was {secret!r}")


@pytest.mark.parametrize("json_lines", [False, True])
@pytest.mark.parametrize("kind", KNOWN)
def test_no_form_of_a_secret_reaches_the_log(kind: str, json_lines: bool) -> None:
    stream, secret = logged(json_lines=json_lines), KNOWN[kind]
    log = logging.getLogger("some.library")
    log.debug("as it is: %s", secret)
    log.info("as an argument: %r in %s", secret, {"headers": {"x": secret}})
    log.warning(f"in the text: {secret}", extra={"session": secret})
    try:
        fail(secret)
    except RuntimeError:
        log.exception("failed")
    said = stream.getvalue()
    assert said.count(MARK) >= 5
    core = secret.removeprefix("Bearer ").rpartition("=")[2]
    for form in (core, json.dumps(core)[1:-1], repr(core)[1:-1], json.dumps(json.dumps(core)[1:-1])[1:-1]):
        assert form not in said
    assert "two-of" not in said
    assert "bGluZS10" not in said


def test_short_values_and_harmless_variables_are_left_alone() -> None:
    stream = logged(json_lines=False)
    hidden.note(["yes", ""])
    logging.getLogger("a").info("yes, /usr/bin:/bin")
    assert stream.getvalue().endswith("INFO a: yes, /usr/bin:/bin\n")


def test_a_line_for_machines() -> None:
    stream = logged(json_lines=True)
    logging.getLogger("a.b").warning("hello %s\n", "ΔΩ", extra={"reference": "0a1b", "run": 7, "seconds": 1.5})
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning", "logger": "a.b", "message": "hello ΔΩ\n", "reference": "0a1b", "run": 7, "seconds": 1.5,
    }  # fmt: skip


def test_an_exception_is_a_field() -> None:
    stream = logged(json_lines=True)
    try:
        fail("it")
    except RuntimeError:
        logging.getLogger("a").exception("oh")
    line = json.loads(stream.getvalue())
    assert line["exception"].endswith("RuntimeError: the answer was 'it'")
    assert stream.getvalue().count("\n") == 1


async def test_what_a_task_works_on_is_in_its_lines() -> None:
    stream = logged(json_lines=True)
    logs.about(run=3, session="console/local")
    logging.getLogger("a").info("x")
    logging.getLogger("a").info("y", extra={"run": 4})
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["run"], first["session"]) == (3, "console/local")
    assert (second["run"], second["session"]) == (4, "console/local")


def test_nobody_writes_a_line_of_his_own_into_the_log() -> None:
    stream = logged(json_lines=False)
    logging.getLogger("a").info("name\n2026-01-01 ERROR bot: all is lost\x1b[2J\u202e")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()


@pytest.mark.parametrize("json_lines", [False, True])
def test_a_line_that_cannot_be_written_shows_nothing_of_itself(
    json_lines: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = logged(json_lines=json_lines)
    logging.getLogger("a").info("%d", ENV)
    logging.getLogger("a").info("%s %s", ENV)
    assert "5c1e" not in stream.getvalue() + "".join(capsys.readouterr())
