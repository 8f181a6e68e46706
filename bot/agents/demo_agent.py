"""Tugbot's demo agent: an ACP agent in one file of the standard library. Not a coding agent; it edits nothing.

Run as `python -I -S demo_agent.py [--pause SECONDS]`; speaks JSON-RPC 2.0, one message a line, on stdin and stdout.
It lists the workspace, echoes the prompt, and obeys a line of the prompt that is exactly one of

    slow [n]      stream n words (50), one every 100 ms
    ask           ask for a permission and tell what was answered
    fail          end the turn with an error
    crash         exit at once, with a line on stderr
    stubborn [n]  like slow, ignoring the request to stop
    spawn         start `sleep 600` in the background, in a session of its own
    big <n>       print n kB

A conversation is kept in `.tugbot-demo/<session id>.json` in the workspace, or in the directory that TUGBOT_DEMO_STATE
names, so that a later process can load it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

Json = dict[str, Any]

WORDS = re.compile(r"(slow|stubborn|big)(?: (\d{1,6}))?|ask|fail|crash|spawn", re.IGNORECASE)
NAMED = re.compile(r"[^:\n]{1,120}: ")  # in shared rooms each text is led by its sender's name
KEPT = 100  # turns of a conversation
LISTED = 20  # names of the workspace

INTRODUCTION = (
    "I am Tugbot's demo agent, not a coding agent: I list the workspace and echo what you write. "
    "To work with a real one, install it (for example Claude Code) or set `[agents.<name>]` in bot.toml; "
    "docs/how-to tells how.\n"
    "To try things out, send me one of: `slow [n]`, `ask`, `fail`, `crash`, `stubborn [n]`, `spawn`, `big <n>`.\n\n"
)
OPTIONS = [
    {"optionId": "allow-once", "name": "Allow", "kind": "allow_once"},
    {"optionId": "allow-always", "name": "Allow always", "kind": "allow_always"},
    {"optionId": "reject-once", "name": "Deny", "kind": "reject_once"},
]


class Refused(Exception):
    """A request that is answered with a JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Wire:
    """Lines out, from any thread; answers to our own requests in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Any]] = {}
        self._asked = 0

    def send(self, **message: Any) -> None:
        line = json.dumps({"jsonrpc": "2.0", **message}) + "\n"
        with self._lock:
            sys.stdout.write(line)
            sys.stdout.flush()

    def ask(self, method: str, params: Json) -> Json | None:
        """Send a request and wait for its result; None where it was answered with an error."""
        answered = threading.Event()
        with self._lock:
            self._asked += 1
            key = f"demo-{self._asked}"
            self._waiting[key] = [answered, None]
        self.send(id=key, method=method, params=params)
        answered.wait()
        return cast("Json | None", self._waiting.pop(key)[1])

    def answered(self, message: Json) -> None:
        if waiting := self._waiting.get(str(message.get("id"))):
            waiting[1] = message.get("result")
            waiting[0].set()


class Conversation:
    """What was said in one session, kept in the workspace."""

    def __init__(self, cwd: str, key: str, turns: list[tuple[str, str]]) -> None:
        self.cwd, self.key, self.turns = Path(cwd), key, turns

    @classmethod
    def load(cls, cwd: str, key: str) -> Conversation:
        if not re.fullmatch(r"[0-9a-f]{32}", key):  # it becomes a file name
            raise Refused(-32002, "No such conversation")
        try:
            turns = json.loads(cls._file(Path(cwd), key).read_text("utf-8"))
            return cls(cwd, key, [(turn["prompt"], turn["answer"]) for turn in turns])
        except (OSError, ValueError, TypeError, KeyError) as exc:
            raise Refused(-32002, "No such conversation") from exc

    @staticmethod
    def _file(cwd: Path, key: str) -> Path:
        return Path(os.environ.get("TUGBOT_DEMO_STATE") or cwd) / ".tugbot-demo" / f"{key}.json"

    def add(self, prompt: str, answer: str) -> None:
        self.turns = [*self.turns, (prompt[:20_000], answer[:20_000])][-KEPT:]
        self.save()

    def save(self) -> None:
        file = self._file(self.cwd, self.key)
        file.parent.mkdir(exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps([{"prompt": p, "answer": a} for p, a in self.turns]), "utf-8")
        part.replace(file)


class Turn:
    """One prompt and its answer, in a thread of its own so that a cancel can be read meanwhile."""

    def __init__(self, wire: Wire, conversation: Conversation, prompt: str, pause: float) -> None:
        self.wire, self.conversation, self.prompt, self.pause = wire, conversation, prompt, pause
        self.cancelled = threading.Event()
        self.said: list[str] = []

    def play(self) -> Json:
        words = [match for line in self.prompt.splitlines() if (match := WORDS.fullmatch(_unnamed(line)))]
        if any(match.group().lower() == "crash" for match in words):
            sys.stderr.write("demo agent: you asked for a crash\n")
            sys.stderr.flush()
            os._exit(3)
        if not self.conversation.turns:
            self.say(INTRODUCTION)
        self.list_workspace()
        self.say(f"You wrote: {self.prompt}\n")
        for match in words:
            self.obey(match)
        self.conversation.add(self.prompt, "".join(self.said))
        return {"stopReason": "cancelled" if self.cancelled.is_set() else "end_turn"}

    def obey(self, match: re.Match[str]) -> None:
        word = (match.group(1) or match.group()).lower()
        number = int(match.group(2) or 50)
        if word == "fail":
            self.conversation.add(self.prompt, "".join(self.said))
            raise Refused(-32603, "you asked for a failure")
        {
            "slow": lambda: self.stream(number, self.cancelled),
            "stubborn": lambda: self.stream(number, threading.Event()),
            "big": lambda: self.fill(number),
            "ask": self.ask,
            "spawn": self.spawn,
        }[word]()

    def say(self, text: str) -> None:
        self.said.append(text)
        self.update({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}})

    def update(self, update: Json) -> None:
        self.wire.send(method="session/update", params={"sessionId": self.conversation.key, "update": update})

    def list_workspace(self) -> None:
        call = {"toolCallId": uuid.uuid4().hex, "title": "List the workspace", "kind": "read"}
        self.update({"sessionUpdate": "tool_call", "status": "in_progress", **call})
        names = sorted(p.name + "/" * p.is_dir() for p in self.conversation.cwd.iterdir() if p.name != ".tugbot-demo")
        more = [f"… and {len(names) - LISTED} more"] if len(names) > LISTED else []
        text = "\n".join([*names[:LISTED], *more]) or "(empty)"
        content = [{"type": "content", "content": {"type": "text", "text": text}}]
        done = {"toolCallId": call["toolCallId"], "status": "completed", "content": content}
        self.update({"sessionUpdate": "tool_call_update", **done})

    def stream(self, number: int, stop: threading.Event) -> None:
        for count in range(1, number + 1):
            if stop.is_set():
                return
            self.say(f"word {count}\n")
            stop.wait(self.pause)

    def fill(self, number: int) -> None:
        line = "All work and no play makes the demo agent a dull demo agent, again.\n"
        kilobyte = (line * 15)[:999] + "\n"
        for _ in range(number):
            self.say(kilobyte)

    def ask(self) -> None:
        call = {"toolCallId": uuid.uuid4().hex, "title": "Write demo.txt", "kind": "edit"}
        params = {
            "sessionId": self.conversation.key,
            "toolCall": {**call, "rawInput": {"path": "demo.txt", "content": "nothing, in truth"}},
            "options": OPTIONS,
        }
        outcome = (self.wire.ask("session/request_permission", params) or {}).get("outcome", {})
        self.say(
            f"The answer was: {outcome.get('optionId') or outcome.get('outcome') or 'an error'}. Nothing was written.\n"
        )

    def spawn(self) -> None:
        null = subprocess.DEVNULL
        started = subprocess.Popen(["sleep", "600"], stdin=null, stdout=null, stderr=null, start_new_session=True)
        self.say(f"Started `sleep 600` in the background, process {started.pid}.\n")


class Agent:
    def __init__(self, wire: Wire, pause: float) -> None:
        self.wire, self.pause = wire, pause
        self.conversations: dict[str, Conversation] = {}
        self.turns: dict[str, Turn] = {}

    def handle(self, message: Json) -> None:
        method, key, params = message.get("method"), message.get("id"), message.get("params") or {}
        if method is None:
            self.wire.answered(message)
        elif method == "session/cancel":
            if turn := self.turns.get(str(params.get("sessionId"))):
                turn.cancelled.set()
        elif method == "session/prompt":
            threading.Thread(target=self.answer, args=(key, self.prompt, params), daemon=True).start()
        elif key is not None:
            self.answer(key, self.requests().get(str(method)), params)

    def requests(self) -> dict[str, Callable[[Json], Json]]:
        return {"initialize": self.initialize, "session/new": self.new, "session/load": self.load}

    def answer(self, key: object, request: Callable[[Json], Json] | None, params: Json) -> None:
        try:
            if request is None:
                raise Refused(-32601, "Method not found")
            self.wire.send(id=key, result=request(params))
        except Refused as exc:
            self.wire.send(id=key, error={"code": exc.code, "message": str(exc)})
        except (OSError, KeyError, TypeError, ValueError) as exc:
            self.wire.send(id=key, error={"code": -32603, "message": f"{type(exc).__name__}: {exc}"})

    def initialize(self, params: Json) -> Json:
        info = {"name": "tugbot-demo", "version": "1"}
        return {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}, "agentInfo": info}

    def new(self, params: Json) -> Json:
        conversation = Conversation(params["cwd"], uuid.uuid4().hex, [])
        conversation.save()
        self.conversations[conversation.key] = conversation
        return {"sessionId": conversation.key}

    def load(self, params: Json) -> Json:
        conversation = Conversation.load(params["cwd"], params["sessionId"])
        self.conversations[conversation.key] = conversation
        for prompt, answer in conversation.turns:
            for kind, text in (("user_message_chunk", prompt), ("agent_message_chunk", answer)):
                update = {"sessionUpdate": kind, "content": {"type": "text", "text": text}}
                self.wire.send(method="session/update", params={"sessionId": conversation.key, "update": update})
        return {}

    def prompt(self, params: Json) -> Json:
        conversation = self.conversations[params["sessionId"]]
        text = "\n".join(block["text"] for block in params["prompt"] if block.get("type") == "text")
        turn = self.turns[conversation.key] = Turn(self.wire, conversation, text, self.pause)
        try:
            return turn.play()
        finally:
            self.turns.pop(conversation.key, None)


def _unnamed(line: str) -> str:
    return NAMED.sub("", line.strip(), count=1)


def main(arguments: list[str]) -> None:
    pause = float(arguments[1]) if arguments[:1] == ["--pause"] else 0.1
    # Plain C locale would mean ASCII, and a prompt is not.
    agent = Agent(Wire(), pause)
    with open(sys.stdin.fileno(), encoding="utf-8", errors="replace", closefd=False) as lines:
        for line in lines:
            if line.strip():
                agent.handle(json.loads(line))


if __name__ == "__main__":
    main(sys.argv[1:])
