"""The bot in Slack when Slack, or what the bot may do there, is in trouble: nothing is lost, and all of it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.slack_bot import CAT, SlackBot, heard, shown
from tests.slack_fake import (
    ANN,
    APP_TOKEN,
    TEAM,
    SlackServer,
    drop,
    error,
    rate_limited,
    status,
    taken_but,
)

pytestmark = pytest.mark.integration


# ---------------------------------------------------------------- what is sent


def test_a_rate_limit_of_messages_is_waited_for(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,), agent="cat", more=CAT)
    with bot.start() as process:
        bot.is_up()
        dm, channel = slack.dm(ANN), slack.channel(ANN)
        slack.fail("chat.postMessage", *[rate_limited(2)] * 2)
        slack.say(dm, ANN, "version")
        slack.wait(lambda: len(slack.calls("chat.postMessage")) == 1)
        slack.say(channel, ANN, "!version")  # another channel waits only if it is told to
        slack.wait(lambda: slack.said(dm) and slack.said(channel))
        assert process.end() == 0
    for place in (dm, channel):
        times = [call.at for call in slack.calls("chat.postMessage") if call.arguments["channel"] == place]
        assert len(times) == 2
        assert times[1] - times[0] >= 2
        assert len(slack.said(place)) == 1


def test_a_rate_limit_of_edits_is_waited_for_and_the_answer_is_whole(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,))
    with bot.start() as process:
        bot.is_up()
        dm = slack.dm(ANN)
        slack.fail("chat.update", rate_limited(2), rate_limited(1))
        slack.say(dm, ANN, "slow 50")
        answer = heard(slack, dm, "word 50", "—", patience=20)
        assert answer.text.count("word 50") == 1
        assert len(slack.said(dm)) == 1
        times = [call.at for call in slack.calls("chat.update")]
        assert times[1] - times[0] >= 2
        assert times[2] - times[1] >= 1
        assert process.end() == 0


def test_an_answer_that_ends_in_a_rate_limit_comes_later(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,))
    with bot.start() as process:
        bot.is_up()
        channel = slack.channel(ANN)
        slack.fail("chat.appendStream", rate_limited(3))
        asked = slack.say(channel, ANN, "@tugbot slow 12")
        answer = heard(slack, channel, "word 12", "—", thread=asked, patience=20)
        said = [each for each in slack.shown(channel, asked) if each.by_bot]
        assert sum(each.text.count("word 5\n") for each in said) == 1
        assert not any(each.buttons or each.streaming for each in said), answer
        assert process.end() == 0


@pytest.mark.parametrize("fault", [taken_but(status(500)), taken_but(drop()), status(503), drop()])
def test_what_was_perhaps_taken_is_posted_once(slack: SlackServer, tmp_path: Path, fault: object) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,), agent="cat", more=CAT)
    with bot.start() as process:
        bot.is_up()
        dm = slack.dm(ANN)
        slack.fail("chat.postMessage", fault)
        slack.say(dm, ANN, "hello")
        heard(slack, dm, "hello", "—", patience=20)
        slack.fail("chat.postMessage", fault)
        slack.say(dm, ANN, "version")
        heard(slack, dm, "tugbot 0", patience=20)
        slack.wait(lambda: not bot.rows("SELECT id FROM outbox WHERE state != 'sent'"))
        assert process.end() == 0
    assert [("hello" in text, "tugbot 0" in text) for text in slack.said(dm)] == [(True, False), (False, True)]


def test_a_channel_that_is_archived_is_told_and_holds_up_no_other(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,), agent="slow", more=SLOW)
    with bot.start() as process:
        bot.is_up()
        dm, channel = slack.dm(ANN), slack.channel(ANN)
        asked = slack.say(channel, ANN, "@tugbot work")
        slack.wait(lambda: bot.rows("SELECT id FROM runs"))
        slack.archive(channel)
        slack.wait(lambda: bot.rows("SELECT id FROM outbox WHERE state = 'undeliverable'"))
        slack.say(dm, ANN, "and here")
        heard(slack, dm, "answer to and here", "—")
        slack.say(dm, ANN, "status")
        heard(slack, dm, "undeliverable")
        assert process.end() == 0
    assert b"the channel is archived" in process.stderr
    assert not [each for each in slack.shown(channel, asked) if "answer to" in each.text]


SLOW = '[agents.slow]\nbackend = "command"\ncommand = ["sh", "-c", "read x; sleep 1; echo answer to $x"]\n'


def test_a_missing_scope_is_named(slack: SlackServer, tmp_path: Path) -> None:
    agent = '[agents.makes]\nbackend = "command"\ncommand = ["sh", "-c", "echo made > out.txt; cat"]\n'
    bot = SlackBot(tmp_path, slack, (ANN,), agent="makes", more=agent)
    with bot.start() as process:
        bot.is_up()
        dm = slack.dm(ANN)
        slack.say(dm, ANN, "make it")
        heard(slack, dm, "make it", "—")
        slack.fail("files.getUploadURLExternal", error("missing_scope", needed="files:write", provided="chat:write"))
        slack.say(dm, ANN, "send out.txt")
        heard(slack, dm, "lacks the scope `files:write`")
        slack.say(dm, ANN, "still there?")
        heard(slack, dm, "still there?", "—")
        assert process.end() == 0


def test_a_message_that_is_gone_is_said_anew(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,))
    with bot.start() as process:
        bot.is_up()
        dm = slack.dm(ANN)
        slack.say(dm, ANN, "slow 25")
        growing = heard(slack, dm, "word 2")
        slack.delete(dm, growing.ts)
        answer = heard(slack, dm, "word 25", "—")
        assert answer.ts != growing.ts
        assert "word 1\n" not in answer.text  # that was deleted, and whoever did it had seen it
        assert process.end() == 0


# ---------------------------------------------------------------- what is heard


def test_p1_what_is_said_while_the_bot_is_away_is_answered_once_it_is_back(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,), agent="cat", more=CAT)
    dm, channel = slack.dm(ANN), slack.channel(ANN)
    with bot.start() as process:
        bot.is_up()
        asked = slack.say(channel, ANN, "@tugbot begin")
        heard(slack, channel, "begin", "—", thread=asked)
        slack.wait(lambda: bot.rows("SELECT 1 FROM keepsakes WHERE key = 'heard'"))
        assert process.end() == 0
    slack.wait(lambda: slack.connected == 0)
    typo = slack.say(dm, ANN, "in the dark nihgt")
    slack.edit(dm, typo, "in the dark night")
    slack.say(channel, ANN, "not to the bot")
    slack.say(channel, ANN, "@tugbot alone")
    slack.say(channel, ANN, "and below", asked)
    slack.wait(lambda: not slack.courier.pending)
    assert slack.lost
    with bot.start() as process:
        heard(slack, dm, "in the dark night", "—")
        # One batch of the channel's: its answer is where the newest of its messages is.
        heard(slack, channel, "Ann: alone", "Ann: and below", "—", thread=asked)
        slack.wait(lambda: not bot.rows("SELECT id FROM messages WHERE state IN ('waiting', 'claimed')"))
        assert process.end() == 0
    texts = bot.rows("SELECT text, state FROM messages ORDER BY id")
    assert sorted(texts) == [
        ("alone", "answered"),
        ("and below", "answered"),
        ("begin", "answered"),
        ("in the dark night", "answered"),
    ]


def test_what_can_still_be_pressed_after_a_crash_says_how_it_stands(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,))
    dm, channel = slack.dm(ANN), slack.channel(ANN)
    with bot.start() as process:
        bot.is_up()
        asked = slack.say(channel, ANN, "@tugbot ask")
        question = heard(slack, channel, "Answer `allow`", thread=asked)
        slack.say(dm, ANN, "slow 200")
        growing = heard(slack, dm, "word 2")
        process.process.kill()
    slack.wait(lambda: slack.connected == 0)
    late = slack.press(ANN, channel, question.ts, "Allow")  # nobody is there, and Slack says so to her
    slack.answered(late)
    assert late.state == "lost"
    with bot.start() as process:
        bot.is_up()
        slack.wait(lambda: not shown(slack, channel, asked, question.ts).buttons)
        heard(slack, channel, "was cut off by a restart", "retry 1", thread=asked)
        heard(slack, dm, "was cut off by a restart", "retry 2")
        slack.answered(slack.again(late))  # her client has not heard of it yet
        heard(slack, channel, "not open any more", thread=asked)
        slack.answered(slack.press(ANN, dm, growing.ts, "Stop"))
        heard(slack, dm, "Run 2 had ended already")
        assert process.end() == 0
    assert dict(bot.rows("SELECT id, state FROM runs")) == {1: "interrupted", 2: "interrupted"}


def test_connections_that_break_lose_nothing(tmp_path: Path) -> None:
    with SlackServer(schedule=(0.2, 1, 4, 4), patience=1.0) as slack:  # Slack's own are 0, 60 and 300 seconds
        bot = SlackBot(tmp_path, slack, (ANN,), agent="cat", more=CAT)
        with bot.start() as process:
            bot.is_up()
            dm = slack.dm(ANN)
            slack.disconnect()
            slack.say(dm, ANN, "through a refresh")
            heard(slack, dm, "through a refresh", "—")
            slack.refuse_handshakes(1)
            slack.fail("apps.connections.open", None, status(500))
            slack.cut()
            slack.say(dm, ANN, "through a cut")
            heard(slack, dm, "through a cut", "—", patience=25)
            assert process.end() == 0
        assert len(slack.said(dm)) == 2


# ---------------------------------------------------------------- who we are


def test_a_revoked_token_is_told_and_leaves_the_rest_at_work(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,), agent="slow", more=SLOW)
    with bot.start() as process:
        bot.is_up()
        dm = slack.dm(ANN)
        slack.say(dm, ANN, "work")
        slack.wait(lambda: bot.rows("SELECT id FROM runs"))
        slack.revoke()
        process.message("the token was revoked", "tugbot init slack")
        process.send("status", "1")
        process.message("the token was revoked", "Books")
        process.send("hello", "2")
        process.message("answer to hello")
        slack.say(dm, ANN, "anybody?")
        slack.wait(lambda: not slack.courier.pending)
        assert process.end() == 0
    assert process.stderr.count(b"token was revoked") < 5
    # The answer waits; it is tried again once a minute, the transport every five minutes and at each start.
    assert bot.rows("SELECT DISTINCT state FROM outbox WHERE target LIKE 'slack/%'") == [("pending",)]
    slack.restore()
    with bot.start() as process:
        bot.is_up()
        slack.wait(lambda: bot.rows("SELECT id FROM messages WHERE text = 'anybody?' AND state = 'answered'"))
        asked = slack.say(channel := slack.channel(ANN), ANN, "@tugbot and now?")
        heard(slack, channel, "and now?", "—", thread=asked)
        assert process.end() == 0


def test_an_uninstalled_app_is_told(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,), agent="cat", more=CAT)
    with bot.start() as process:
        bot.is_up()
        slack.uninstall()
        process.message("app_uninstalled", "tugbot init slack")
        process.send("status", "1")
        process.message("does not work since", "Books")
        assert process.end() == 0


def test_a_slack_that_is_down_at_the_start_is_tried_again(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,), agent="cat", more=CAT)
    dm = slack.dm(ANN)
    slack.fail("auth.test", status(503), drop())
    with bot.start() as process:
        process.message("`slack` does not work")
        bot.is_up()
        slack.say(dm, ANN, "there you are")
        heard(slack, dm, "there you are", "—")
        assert process.end() == 0


def test_tokens_that_cannot_work_are_told_at_once(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,))
    with bot.start(env={"TUGBOT_SLACK_APP_TOKEN": ""}) as process:
        assert process.process.wait(20) == 2
    assert b"tugbot init slack" in process.stderr
    with bot.start(env={"TUGBOT_SLACK_BOT_TOKEN": APP_TOKEN}) as process:
        assert process.process.wait(20) == 2
    assert APP_TOKEN.encode() not in process.stderr
    with bot.start(env={"TUGBOT_SLACK_BOT_TOKEN": "xoxb-of-nobody"}) as process:
        process.message("`slack` does not work", "tugbot init slack")
        assert process.end() == 0
    with SlackBot(tmp_path, slack, (ANN,), team="T0OTHER").start() as process:
        process.message(f"the bot's token is of {TEAM}, not of T0OTHER")
        assert process.end() == 0
