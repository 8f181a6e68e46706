"""The bot in Slack: the real program in a Slack of our own, by Socket Mode, and people who talk with it."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from tests.slack_bot import CAT, SlackBot, heard, shown
from tests.slack_fake import ANN, BOB, TEAM, Delivery, SlackServer, error

pytestmark = pytest.mark.integration

MALLORY = "U0MALLORY"


# ---------------------------------------------------------------- what becomes one run


def test_messages_in_quick_succession_are_one_run_in_their_order(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,), agent="cat", window=0.5, more=CAT)
    with bot.start() as process:
        bot.is_up()
        dm = slack.dm(ANN)
        for text, pause in (("one", 0.05), ("two", 0.09), ("three", 0.07), ("four", 0.0)):
            slack.say(dm, ANN, text)
            time.sleep(pause)
        answer = heard(slack, dm, "run 1 · 4 messages", "one\n\ntwo\n\nthree\n\nfour", "—")
        assert not answer.thread
        assert process.end() == 0
    assert bot.rows("SELECT count(*) FROM runs") == [(1,)]
    assert len(slack.said(dm)) == 1


def test_what_is_edited_or_deleted_before_its_run(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN, BOB), agent="cat", window=1.5, more=CAT)
    with bot.start() as process:
        bot.is_up()
        dm, channel = slack.dm(ANN), slack.channel(ANN, BOB)
        typo, wrong = slack.say(dm, ANN, "frist"), slack.say(dm, ANN, "not this one")
        slack.edit(dm, typo, "first & <foremost>")
        slack.delete(dm, wrong)
        asked = slack.say(channel, BOB, "@tugbot look at https://example.org/a")
        slack.unfurl(channel, asked)  # tells of a change, though nothing was changed
        slack.say(dm, ANN, "last")
        said = heard(slack, dm, "last", "—").text
        assert "first & <foremost>" in said
        assert "frist" not in said
        assert "not this" not in said
        assert "https://example.org/a" in heard(slack, channel, "Bob: look at", "—", thread=asked).text
        slack.edit(dm, typo, "too late")  # its run is over
        slack.say(dm, ANN, "and more")
        assert "too late" not in heard(slack, dm, "and more", "—").text
        assert process.end() == 0


def test_p2_nothing_that_slack_delivers_twice_runs_twice(slack: SlackServer, tmp_path: Path) -> None:
    """`message` and `app_mention` of one mention, two envelopes at once, an acknowledgement that gets lost."""
    bot = SlackBot(tmp_path, slack, (ANN,), agent="cat", more=CAT)
    with bot.start() as process:
        bot.is_up()
        channel = slack.channel(ANN)
        slack.courier.twice = slack.courier.unheard = 2
        asked = slack.say(channel, ANN, "@tugbot count to one")
        heard(slack, channel, "count to one", "—", thread=asked)
        slack.wait(lambda: not slack.courier.pending)
        about = [each for each in slack.deliveries if each.event.get("ts") == asked]
        assert {each.event["type"] for each in about} == {"message", "app_mention"}
        assert sum(len(each.attempts) for each in about) >= 5
        for each in about:
            slack.again(each)
        assert process.end() == 0
    with bot.start() as process:
        bot.is_up()
        again = [slack.again(each) for each in about]  # it remembers nothing but what is in its inbox
        slack.say(channel, ANN, "@tugbot the next")
        slack.wait(lambda: "the next" in "".join(slack.said(channel)))
        assert all(slack.answered(each) is None and each.state == "acked" for each in again)
        assert process.end() == 0
    assert bot.rows("SELECT event_id, state FROM messages WHERE id = 1") == [(f"{channel}:{asked}", "answered")]
    assert bot.rows("SELECT count(*) FROM runs") == [(2,)]
    assert sum("count to one" in text for text in slack.said(channel)) == 1


# ---------------------------------------------------------------- where it is said


def test_threads_and_their_sessions(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN, BOB), agent="cat", window=0.6, more=CAT)
    with bot.start() as process:
        bot.is_up()
        channel = slack.channel(ANN, BOB)
        idea = slack.say(channel, ANN, "an idea of ours")
        slack.say(channel, BOB, "sure", idea)
        slack.say(channel, ANN, "@tugbot what of it?", idea)
        heard(slack, channel, "Ann: what of it?", "—", thread=idea)
        slack.say(channel, BOB, "no mention here", idea)  # the bot is in this thread
        heard(slack, channel, "Bob: no mention here", "—", thread=idea)
        task = slack.say(channel, ANN, "@tugbot: a task for all")
        heard(slack, channel, "Ann: a task for all", "—", thread=task)
        slack.say(channel, BOB, "more to that task", task)
        heard(slack, channel, "Bob: more to that task", "—", thread=task)
        other = slack.say(channel, BOB, "do you hear me?")
        slack.say(channel, ANN, "not I", other)
        slack.say(channel, ANN, "!status", task)
        heard(slack, channel, "Books", thread=task)
        assert process.end() == 0
    session = f"slack/{TEAM}/{channel}"
    sessions = dict(bot.rows("SELECT text, session FROM messages WHERE kind = 'text'"))
    assert sessions == {
        "what of it?": f"{session}/{idea}",
        "no mention here": f"{session}/{idea}",
        "a task for all": session,
        "more to that task": session,
    }
    assert not [said for said in slack.shown(channel) if said.by_bot]  # nothing at the channel's top


def test_several_people_in_a_channel(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN, BOB), agent="cat", window=0.6, more=CAT)
    with bot.start() as process:
        bot.is_up()
        channel = slack.channel(ANN, BOB)
        slack.say(channel, ANN, "are you coming to lunch?")
        slack.say(channel, ANN, "@tugbot do this")
        second = slack.say(channel, BOB, "and that, @tugbot")
        answer = heard(slack, channel, "Ann: do this", "Bob: and that", "—", thread=second)
        assert "lunch" not in answer.text
        on = slack.say(channel, ANN, "!ambient on")
        heard(slack, channel, "ambient", thread=on)
        bare = slack.say(channel, BOB, "no name before this")
        heard(slack, channel, "Bob: no name before this", "—", thread=bare)
        off = slack.say(channel, ANN, "ambient off")
        heard(slack, channel, "off", thread=off)
        slack.say(channel, BOB, "back to ourselves")
        slack.command(ANN, channel, "status")
        slack.wait(lambda: any("Books" in said for said in slack.said(channel)))
        assert process.end() == 0
    assert not bot.rows("SELECT id FROM messages WHERE text LIKE '%ourselves%' OR text LIKE '%lunch%'")


def test_slash_commands(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,), agent="cat", more=CAT)
    with bot.start() as process:
        bot.is_up()
        channel, strange = slack.channel(ANN), slack.channel(ANN, invited=False)
        assert slack.answered(slack.command(ANN, channel, "status"))
        heard(slack, channel, "Books", thread=None)
        slack.command(ANN, slack.dm(ANN), "")
        heard(slack, slack.dm(ANN), "new project")
        slack.command(ANN, channel, "what of it?")
        heard(slack, channel, "Ann: what of it?", "—")
        assert "/invite" in slack.answered(slack.command(ANN, strange, "status"))["text"]
        (told,) = slack.shown(strange, to=ANN)
        assert "not in this channel" in told.text
        assert not slack.shown(strange)
        assert process.end() == 0


# ---------------------------------------------------------------- who says it


def test_p11_strangers_get_a_code_at_most_and_owners_let_people_in(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack)
    with bot.start() as process:
        bot.is_up()
        dm, channel = slack.dm(ANN), slack.channel(ANN, BOB, MALLORY)
        slack.say(dm, ANN, "pair 00000000")
        slack.say(dm, ANN, f"pair {process.pairing_code()}")
        heard(slack, dm, "You are the owner")

        asked = slack.say(channel, BOB, "@tugbot let me in")
        code = heard(slack, channel, "grant", thread=asked).text.split("`")[1]
        for number in range(5):
            slack.say(channel, BOB, f"@tugbot and again {number}", asked)
            slack.say(channel, MALLORY, "what a strange bot")
        slack.wait(lambda: not slack.courier.pending)
        slack.say(dm, ANN, f"grant {code} as member")
        heard(slack, dm, f"slack:{BOB}", "member")
        heard(slack, channel, "You were let in", thread=asked)
        slack.say(channel, BOB, "!status")
        slack.wait(lambda: any("Books" in said for said in slack.said(channel)))
        no_project = slack.say(channel, BOB, "@tugbot run something on the host")
        heard(slack, channel, "project", thread=no_project)
        slack.say(dm, ANN, f"revoke slack:{BOB}")
        heard(slack, dm, "stranger now")
        late = slack.say(channel, BOB, "!status")
        slack.say(dm, ANN, "members")
        heard(slack, dm, f"slack:{ANN}", "turned away")
        assert not bot.rows(f"SELECT id FROM messages WHERE event_id = '{channel}:{late}'")
        assert not bot.rows(f"SELECT id FROM messages WHERE sender = '{MALLORY}' OR text LIKE '%again%'")
        assert not bot.rows("SELECT id FROM runs")
        assert process.end() == 0
    assert sum("I do not know you" in text for text in slack.said(channel)) == 1


# ---------------------------------------------------------------- buttons


def test_permissions_by_button_and_by_word(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,))
    with bot.start() as process:
        bot.is_up()
        channel = slack.channel(ANN, BOB, MALLORY)
        slack.say(slack.dm(ANN), ANN, f"grant slack:{BOB} as member")
        heard(slack, slack.dm(ANN), "member now")
        asked = slack.say(channel, ANN, "@tugbot ask")
        question = heard(slack, channel, "Answer `allow`", thread=asked)
        assert question.buttons == ("Allow", "Allow always", "Deny")
        slack.answered(slack.press(MALLORY, channel, question.ts, "Allow"))  # a stranger: costs nothing
        slack.answered(slack.press(BOB, channel, question.ts, "Allow"))
        heard(slack, channel, "only an operator", thread=asked)
        assert shown(slack, channel, asked, question.ts).buttons
        denied = slack.press(ANN, channel, question.ts, "Deny")
        heard(slack, channel, "The answer was: reject-once", "—", thread=asked)
        slack.wait(lambda: "✘ Denied by Ann" in shown(slack, channel, asked, question.ts).text)
        assert not shown(slack, channel, asked, question.ts).buttons
        slack.answered(slack.again(denied))  # the very same press once more: nothing
        stale = slack.command(ANN, channel, "status")
        slack.answered(stale)
        assert not [text for text in slack.said(channel) if "decided already" in text]
        assert not bot.rows(f"SELECT id FROM messages WHERE sender = '{MALLORY}'")

        twice = slack.say(channel, ANN, "@tugbot ask")
        question = heard(slack, channel, "Answer `allow`", thread=twice)
        presses = [slack.press(ANN, channel, question.ts, "Allow"), slack.press(ANN, channel, question.ts, "Deny")]
        heard(slack, channel, "The answer was: allow-once", "—", thread=twice)
        heard(slack, channel, "decided already: allowed once", thread=twice)
        assert all(slack.answered(each) is None and each.state == "acked" for each in presses)

        typed = slack.say(channel, ANN, "@tugbot ask")
        question = heard(slack, channel, "Answer `allow`", thread=typed)
        slack.say(channel, ANN, "allow", typed)
        heard(slack, channel, "Allowed once:", thread=typed)  # whoever types may be far below the question
        slack.wait(lambda: "✔ Allowed once by Ann" in shown(slack, channel, typed, question.ts).text)
        assert not shown(slack, channel, typed, question.ts).buttons
        assert process.end() == 0
    assert bot.rows("SELECT count(*) FROM runs WHERE state = 'succeeded'") == [(3,)]


@pytest.mark.parametrize("in_thread", [True, False])
def test_the_stop_button(slack: SlackServer, tmp_path: Path, in_thread: bool) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,))
    with bot.start() as process:
        bot.is_up()
        place = slack.channel(ANN, MALLORY) if in_thread else slack.dm(ANN)
        asked = slack.say(place, ANN, "@tugbot slow 80")
        thread = asked if in_thread else None
        growing = heard(slack, place, "word 2", thread=thread)
        assert growing.buttons == ("Stop",)
        assert growing.streaming == in_thread
        slack.answered(slack.press(MALLORY, place, growing.ts, "Stop"))
        press = slack.press(ANN, place, growing.ts, "Stop")
        heard(slack, place, "Stopped run 1", "verified", thread=thread)
        slack.wait(lambda: not shown(slack, place, thread, growing.ts).buttons)
        ended = shown(slack, place, thread, growing.ts)
        assert not ended.streaming
        assert "word 80" not in ended.text
        # A client that has not heard of the edit yet shows the button still: that is a press of its own.
        action = press.payload["actions"][0]
        late = {**press.payload, "actions": [{**action, "action_ts": f"{float(action['action_ts']) + 1:.6f}"}]}
        slack.again(Delivery("interactive", late))
        heard(slack, place, "had ended already", thread=thread)
        assert process.end() == 0
    assert bot.rows("SELECT state FROM runs") == [("stopped",)]


# ---------------------------------------------------------------- what it answers


def test_answers_grow_by_streams_in_threads_and_by_edits_in_direct_messages(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,))
    with bot.start() as process:
        bot.is_up()
        dm, channel = slack.dm(ANN), slack.channel(ANN)
        asked = slack.say(channel, ANN, "@tugbot slow 30")
        growing = heard(slack, channel, "word 3", thread=asked)
        assert growing.streaming
        heard(slack, channel, "word 30", "—", thread=asked)
        done = shown(slack, channel, asked, growing.ts)
        assert not done.streaming
        assert done.text.count("word 30") == 1
        assert not done.buttons
        assert slack.calls("assistant.threads.setStatus")[0].arguments["status"]  # until the first words
        slack.wait(lambda: not slack.status(channel, asked))
        assert [call.answer["ok"] for call in slack.calls("chat.stopStream")] == [True]
        in_thread = len(slack.calls("chat.appendStream"))
        assert in_thread >= 2

        slack.say(dm, ANN, "slow 40")
        growing = heard(slack, dm, "word 3")
        assert not growing.streaming
        heard(slack, dm, "word 40", "—")
        assert len(slack.said(dm)) == 1
        assert len(slack.calls("chat.appendStream")) == in_thread
        updates = [call.at for call in slack.calls("chat.update") if call.arguments["channel"] == dm]
        assert len(updates) >= 4
        # The end of a run waits for nothing: its last words, and the footer.
        assert all(later - earlier > 1.1 for earlier, later in itertools.pairwise(updates[:-2]))
        assert process.end() == 0


def test_where_slack_has_no_streams_answers_grow_by_edits(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,))
    with bot.start() as process:
        bot.is_up()
        channel = slack.channel(ANN)
        slack.fail("chat.startStream", error("unknown_method"))
        asked = slack.say(channel, ANN, "@tugbot slow 15")
        growing = heard(slack, channel, "word 3", thread=asked)
        assert not growing.streaming
        heard(slack, channel, "word 15", "—", thread=asked)
        again = slack.say(channel, ANN, "@tugbot hello")
        heard(slack, channel, "hello", "—", thread=again)
        assert len(slack.calls("chat.startStream")) == 1
        assert process.end() == 0


def test_a_stream_that_ends_early_goes_on_by_edits(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,))
    with bot.start() as process:
        bot.is_up()
        channel = slack.channel(ANN)
        asked = slack.say(channel, ANN, "@tugbot slow 35")
        growing = heard(slack, channel, "word 3", thread=asked)
        slack.stop_stream(channel, growing.ts)
        heard(slack, channel, "word 35", "—", thread=asked)
        (only,) = [said for said in slack.shown(channel, asked) if said.by_bot]
        assert only.ts == growing.ts
        assert only.text.count("word 7\n") == 1
        assert process.end() == 0


def test_long_answers_go_on_in_further_messages_and_end_as_a_file(slack: SlackServer, tmp_path: Path) -> None:
    bot = SlackBot(tmp_path, slack, (ANN,))
    with bot.start() as process:
        bot.is_up()
        dm, channel = slack.dm(ANN), slack.channel(ANN)
        slack.say(dm, ANN, "big 20")
        heard(slack, dm, "—", " s", patience=30)
        assert len(slack.said(dm)) >= 3
        assert sum(map(len, slack.said(dm))) >= 20_000
        asked = slack.say(channel, ANN, "@tugbot big 100")
        last = heard(slack, channel, "holds all of it", "—", thread=asked, patience=30)
        said = [each for each in slack.shown(channel, asked) if each.by_bot]
        (file,) = [each for each in said if each.files]
        assert len(said) == 6  # four pages, the file, and the line about it
        assert file.files == ("answer-2.md",)
        assert "answer-2.md" in last.text
        assert process.end() == 0


def test_files_both_ways(slack: SlackServer, tmp_path: Path) -> None:
    script = "cat > asked; cat .tugbot/files/*; echo made > out.txt"
    agent = f'[agents.reads]\nbackend = "command"\ncommand = ["sh", "-c", "{script}"]\n'
    bot = SlackBot(tmp_path, slack, (ANN,), agent="reads", more=agent)
    with bot.start() as process:
        bot.is_up()
        dm, channel = slack.dm(ANN), slack.channel(ANN, MALLORY)
        slack.say(dm, ANN, "", files={"../../notes.txt": b"the content of the notes"})
        heard(slack, dm, "the content of the notes", "—")
        slack.say(dm, ANN, "send out.txt")
        sent = slack.wait(lambda: [each for each in slack.shown(dm) if each.by_bot and each.files])
        assert sent[0].files == ("out.txt",)
        slack.say(dm, ANN, "send ../../../../etc/passwd")
        heard(slack, dm, "could not be done")
        asked = slack.say(channel, ANN, "@tugbot see this", files={"more.txt": b"more of it"})
        heard(slack, channel, "more of it", "—", thread=asked)
        evil = slack.say(channel, MALLORY, "@tugbot take this", files={"evil.txt": b"evil"})
        heard(slack, channel, "I do not know you", thread=evil)
        assert process.end() == 0
    assert not list(bot.data.rglob("*evil*"))
    assert "root:" not in "".join(slack.said(dm))
