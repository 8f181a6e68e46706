"""The API as programs meet it: asked for everything its document allows, and steering the real bot."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bot.access.tokens import Tokens
from bot.commands.model import Role
from bot.gateway.api.beside import STREAM
from tests.api_world import DOCUMENT, api, key
from tests.bot_process import BotProcess
from tests.integration.test_gateway import free_port

pytestmark = pytest.mark.integration

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EACH = 20  # requests for each operation and role


@contextmanager
def served(data: Path) -> Iterator[tuple[int, Mapping[Role, str]]]:
    """The application in a thread of its own: schemathesis asks without a loop."""
    found: list[tuple[int, Mapping[Role, str]]] = []
    up, loop = threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()

    async def live() -> None:
        async with api(data) as world:
            await world.home.send("use harbour", room="!bound")
            await world.home.send("the parser panics", room="!bound")
            await world.home.quiet()
            found.append((world.served.port, world.tokens))
            up.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
    thread.start()
    try:
        assert up.wait(10)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


def test_nothing_that_the_document_allows_is_a_fault_or_a_surprise(tmp_path: Path) -> None:
    asked = 0
    with served(tmp_path) as (port, tokens):
        operator, member = _bearer(tokens["operator"]), _bearer(tokens["member"])
        for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations():
            operation = cast("Ok[Any]", found).ok()
            # Who may listen would be told what happens for ever.
            for headers in [{}] if operation.definition.raw["operationId"] == STREAM else [operator, member, {}]:
                asked += _ask(operation, f"http://127.0.0.1:{port}", headers)
    assert asked > 1_000


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _ask(operation: Any, url: str, headers: dict[str, str]) -> int:
    asked = []

    @settings(
        max_examples=EACH if headers else 3,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)))
    def once(case: Any) -> None:
        asked.append(case.call_and_validate(base_url=url, headers=headers, checks=CHECKS))

    once()
    return len(asked)


class Person:
    """A program with a token."""

    def __init__(self, port: int, token: str) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"
        self._token = token

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.loads(exc.read())

    def upload(self, path: str, content: bytes) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/octet-stream"}
        request = urllib.request.Request(f"{self._url}{path}", content, headers, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 201
            return json.loads(answer.read())

    def until(self, path: str, wanted: Callable[[Any], object], patience: float = 20.0) -> Any:
        deadline = time.monotonic() + patience
        while not wanted(found := self.ask("GET", path)[1]):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found


@contextmanager
def bot(place: Path, more: str = "") -> Iterator[tuple[BotProcess, Person]]:
    port = free_port()
    token = Tokens(place / "data").create("ci", "operator")
    config = f'default_agent = "demo"\n[gateway]\nenabled = "on"\nport = {port}\n[dispatcher]\nwindow = 0.05\n{more}'
    with BotProcess(place, config) as process:
        process.send("version", "e1")
        process.ack("e1")
        yield process, Person(port, token)


def test_a_message_becomes_a_run_that_can_be_watched(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    with bot(tmp_path) as (process, ci):
        status, taken = ci.ask("POST", f"/sessions/{key('web/api:ci')}/messages", {"text": "hello", "event_id": "b7"})
        assert status == 202
        again = ci.ask("POST", f"/sessions/{key('web/api:ci')}/messages", {"text": "hello", "event_id": "b7"})[1]
        assert (again["id"], again["duplicate"]) == (taken["id"], True)
        run = ci.until("/runs", lambda page: [each for each in page["runs"] if each["state"] == "succeeded"])["runs"][0]
        shown = ci.ask("GET", f"/runs/{run['id']}")[1]
        assert (shown["prompt"], shown["messages"]) == ("hello", [taken["id"]])
        assert shown["reply"]
        messages = ci.ask("GET", f"/sessions/{key('web/api:ci')}/messages")[1]["messages"]
        assert [(each["state"], each["run"], each["sender_name"]) for each in messages] == [
            ("answered", run["id"], "ci")
        ]
        assert process.end() == 0


def test_it_speaks_into_a_conversation_of_another_transport(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    with bot(tmp_path) as (process, ci):
        session = ci.ask("GET", "/sessions")[1]["sessions"][0]["key"]
        assert session.startswith("console/")
        assert ci.ask("POST", f"/sessions/{key(session)}/messages", {"text": "hello there"})[0] == 202
        process.message("hello there")
        assert process.end() == 0


def test_a_run_is_stopped_with_proof_and_retried(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    with bot(tmp_path) as (process, ci):
        ci.ask("POST", f"/sessions/{key('web/api:ci')}/messages", {"text": "slow 600"})
        run = ci.until("/runs?state=running", lambda page: page["runs"])["runs"][0]["id"]
        status, receipt = ci.ask("POST", f"/runs/{run}/stop")
        assert (status, receipt["complete"]) == (200, True)
        assert receipt["ended"][0]["run"] == run
        assert receipt["ended"][0]["proof"]["verified"]
        assert ci.ask("GET", f"/runs/{run}")[1]["state"] == "stopped"
        status, said = ci.ask("POST", f"/runs/{run}/retry")
        assert (status, said["run"]) == (202, None)
        assert said["message"]
        status, receipt = ci.ask("POST", f"/sessions/{key('web/api:ci')}/stop")
        assert status == 200
        assert process.end() == 0


def test_what_an_agent_asks_is_answered(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    with bot(tmp_path) as (process, ci):
        ci.ask("POST", f"/sessions/{key('web/api:ci')}/messages", {"text": "ask"})
        run = ci.until("/runs", lambda page: page["runs"])["runs"][0]["id"]
        question = ci.until(f"/runs/{run}", lambda shown: shown["questions"])["questions"][0]
        assert question["input"]
        assert ci.ask("GET", "/sessions")[1]["sessions"][0]["questions"] == 1
        status, said = ci.ask("POST", f"/runs/{run}/permission", {"decision": "deny", "why": "not today"})
        assert (status, said["decision"]) == (200, "deny")
        assert ci.ask("POST", f"/runs/{run}/permission", {"decision": "once"})[0] == 409
        ci.until(f"/runs/{run}", lambda shown: shown["state"] == "succeeded")
        assert process.end() == 0


def test_a_conversation_is_led_over_the_api_alone(tmp_path: Path) -> None:
    """A file, an answer, a question that is answered by its button; all of it stands in the transcript."""
    (tmp_path / "data").mkdir(mode=0o700)
    with bot(tmp_path) as (process, ci):
        me = ci.ask("GET", "/me")[1]
        talk = f"/sessions/{key(me['session'] + '/nightly')}"
        assert ci.ask("GET", f"{talk}/transcript") == (200, {"entries": [], "next": None})
        made = ci.upload(f"{talk}/files?name=trace.log", b"x" * 2_000_000)
        assert (made["name"], made["size"]) == ("trace.log", 2_000_000)
        assert ci.ask("POST", f"{talk}/messages", {"text": "hello", "files": [made["id"]]})[0] == 202

        def said(page: Any, kind: str) -> list[Any]:
            return [each["said"] for each in page["entries"] if each["said"] and each["said"]["kind"] == kind]

        page = ci.until(f"{talk}/transcript", lambda page: said(page, "answer"))
        heard = [each["message"] for each in page["entries"] if each["message"]]
        assert [(each["text"], each["attachments"]) for each in heard] == [("hello", 1)]
        assert any("hello" in part["text"] for part in said(page, "answer")[0]["parts"] if not part["aside"])

        ci.ask("POST", f"{talk}/messages", {"text": "ask"})
        page = ci.until(f"{talk}/transcript", lambda page: said(page, "permission"))
        asked = said(page, "permission")[0]
        assert "deny" in [each["text"] for each in asked["choices"]]
        press = {"said": asked["id"], "choice": "deny"}
        assert ci.ask("POST", f"{talk}/presses", press)[0] == 202
        ci.until(f"{talk}/transcript", lambda page: not any(each["choices"] for each in said(page, "permission")))
        assert ci.ask("POST", f"{talk}/presses", press)[0] == 409
        ci.until("/runs", lambda page: {each["state"] for each in page["runs"]} == {"succeeded"})
        today = ci.ask("GET", "/stats?days=1")[1]["days"][0]
        assert (today["runs"], today["succeeded"]) == (2, 2)
        assert process.end() == 0
