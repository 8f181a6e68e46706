"""The model API that real agents talk to does what it is told."""

from __future__ import annotations

import pytest

from tests.model_api import anthropic, openai
from tests.model_api.script import Act, Fail, Say, Shell, User, next_act


@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("hello", Say(("You said: hello", " (1 user messages)"))),
        ("SAY[a [b] c]", Say(("a [b] c",))),
        ("SLOW[2]", Say(("word0 ", "word1 "), 0.05)),
        ("BASH[echo $((1+1)); ls [ab]*]", Shell("echo $((1+1)); ls [ab]*")),
        ("ERR[500]", Fail(500)),
        ("LIMIT[], ERR[x], SAY[]", Say(("You said: LIMIT[], ERR[x], SAY[]", " (1 user messages)"))),
        ("LIMIT[60]", Fail(429, 60)),
        ("BIG[40,10]", Say(("012345678\n",) * 4)),
        ("[reminder: ERR[401]]\n\nSAY[later]", Say(("later",))),
    ],
)
def test_the_last_word_counts(text: str, act: Act) -> None:
    assert next_act([User(text)]) == act


def test_a_tools_result_is_repeated_with_what_came_meanwhile() -> None:
    assert next_act([User("BASH[x]"), User("", ("out\n",))]) == Say(("done: out",))
    assert next_act([User("BASH[x]"), User("and this", ("out\n",))]) == Say(("done: out and then: and this",))


def test_what_programs_wrap_around_a_message_is_not_of_the_person() -> None:
    text = {"type": "text", "text": "<system-reminder>SAY[no]</system-reminder>yes"}
    result = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "out"}]}
    body = {"messages": [{"role": "user", "content": [text]}, {"role": "system", "content": "environment"}]}
    assert anthropic.users(body) == [User("yes")]
    assert anthropic.users({"messages": [{"role": "user", "content": [result]}]}) == [User("", ("out",))]
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    context = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<environment_context>"}]}
    output = {"type": "function_call_output", "call_id": "c", "output": "out"}
    assert openai.users({"input": [context, item, output]}) == [User("hi"), User("", ("out",))]


def test_streams_are_whole() -> None:
    for stream, end in ((anthropic.stream, "message_stop"), (openai.stream, "response.completed")):
        for act in (Say(("a", "b")), Shell("ls")):
            events = [event for event, _ in stream(act, {"tools": [{"name": "Bash"}]})]
            assert events[-1].startswith(f"event: {end}\n")
            assert all(event.endswith("\n\n") for event in events)
