"""The bot in Matrix: the real program on a real homeserver, and people who speak plain HTTP with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.matrix_bot import CAT, MatrixBot, by
from tests.matrix_world import Synapse

pytestmark = pytest.mark.integration


def test_a_conversation_of_two(synapse: Synapse, tmp_path: Path) -> None:
    ann = synapse.user("ann")
    bot = MatrixBot(tmp_path, synapse, (ann,))
    with bot.start() as process:
        room = ann.create_room([bot.account], direct=True)
        first = ann.send(room, "hello there")  # before the bot has come
        answer = ann.wait(room, by(bot, "You wrote: hello there"))
        assert "agent" in answer.html
        assert not answer.thread
        ann.until(lambda: ann.receipts(room).get(bot.id) == first)

        ann.send(room, "slow 60")
        growing = ann.wait(room, lambda said: by(bot, "word 3")(said) and said.edits >= 2)
        ann.until(lambda: bot.id in ann.typing(room))
        ann.send(room, "Stop!")
        ann.wait(room, by(bot, "Stopped run 2", "verified"))
        (shown,) = [said for said in ann.shown(room) if said.id == growing.id]
        assert "word 60" not in shown.text
        ann.until(lambda: bot.id not in ann.typing(room))

        ann.send(room, "!help")
        assert "<code>" in ann.wait(room, by(bot, "new project")).html
        assert process.end() == 0
    assert not [said for said in ann.shown(room) if said.sender == bot.id and "help" in said.text[:6]]


def test_what_is_edited_or_deleted_before_its_run(synapse: Synapse, tmp_path: Path) -> None:
    ann = synapse.user("ann")
    bot = MatrixBot(tmp_path, synapse, (ann,), agent="cat", window=1.5, more=CAT)
    with bot.start() as process:
        room = bot.conversation(ann)
        typo = ann.send(room, "frist")
        ann.edit(room, typo, "first")
        wrong = ann.send(room, "not this one")
        ann.redact(room, wrong)
        ann.send(room, "last")
        said = ann.wait(room, by(bot, "last")).text
        assert "first" in said
        assert "frist" not in said
        assert "not this" not in said
        assert process.end() == 0


def test_several_people_in_a_room(synapse: Synapse, tmp_path: Path) -> None:
    ann, bob = synapse.user("ann"), synapse.user("bob")
    ann.set_name("Ann")
    bob.set_name("Bob")
    bot = MatrixBot(tmp_path, synapse, (ann, bob), agent="cat", window=0.6, more=CAT)
    with bot.start() as process:
        room = bot.conversation(ann, bob)
        ann.send(room, "are you coming to lunch?")
        bob.send(room, "sure")
        ann.send(room, "tugbot: do this")
        bob.send(room, "and that", mentions=[bot.id])
        answer = ann.wait(room, by(bot, "that"))
        assert "Ann: do this" in answer.text
        assert "Bob: and that" in answer.text
        assert "lunch" not in answer.text

        bob.send(room, "more of it", reply_to=answer.id)
        ann.wait(room, by(bot, "Bob: more of it"))

        ann.send(room, "!ambient on")
        ann.wait(room, by(bot, "ambient"))
        bob.send(room, "no name before this")
        ann.wait(room, by(bot, "Bob: no name before this"))
        ann.send(room, "ambient off")
        time_off = ann.wait(room, lambda said: by(bot, "ambient")(said) and "off" in said.text.lower())
        ignored = bob.send(room, "back to ourselves")
        ann.send(room, "!status")
        ann.wait(room, by(bot, "Books"))
        assert time_off.id
        assert not bot.rows(f"SELECT id FROM messages WHERE event_id = '{ignored}'")
        assert process.end() == 0


def test_threads_are_sessions_and_answers_stay_in_them(synapse: Synapse, tmp_path: Path) -> None:
    ann = synapse.user("ann")
    bot = MatrixBot(tmp_path, synapse, (ann,), agent="cat", more=CAT)
    with bot.start() as process:
        room = bot.conversation(ann, synapse.user("cleo"))
        idea = ann.send(room, "an idea of ours")
        ann.send(room, "tugbot: what of it?", thread=idea)
        answer = ann.wait(room, by(bot, "what of it?"))
        assert answer.thread == idea
        ann.send(room, "no mention here", thread=idea)  # the bot is in this thread
        assert ann.wait(room, by(bot, "no mention here")).thread == idea
        task = ann.send(room, "!a task for the room")
        at_top = ann.wait(room, by(bot, "a task for the room"))
        assert at_top.thread == ""
        ann.send(room, "more to that task", thread=at_top.id)
        assert ann.wait(room, by(bot, "more to that task")).thread == at_top.id
        ann.send(room, "and to its question", thread=task)
        ann.wait(room, by(bot, "and to its question"))
        assert process.end() == 0
    sessions = dict(bot.rows("SELECT text, session FROM messages WHERE kind = 'text'"))
    assert sessions["what of it?"] == sessions["no mention here"] == f"matrix/{room}/{idea}"
    assert sessions["more to that task"] == sessions["and to its question"] == f"matrix/{room}"


def test_a_permission_is_given_by_reaction_by_those_who_may(synapse: Synapse, tmp_path: Path) -> None:
    ann, stranger = synapse.user("ann"), synapse.user("mallory")
    bot = MatrixBot(tmp_path, synapse, (ann,))
    with bot.start() as process:
        room = bot.conversation(ann, stranger)
        ann.send(room, "tugbot: ask")
        question = ann.wait(room, lambda said: by(bot, "allow")(said) and len(said.reactions) >= 3)
        assert {key for key, _ in question.reactions} >= {"✅", "❌"}
        stranger.react(room, question.id, "✅")
        ann.react(room, question.id, "👀")  # says nothing
        ann.react(room, question.id, "❌")
        ann.wait(room, by(bot, "reject"))
        ann.wait(room, lambda said: said.id == question.id and "✘ Denied by " in said.text)
        ann.react(room, question.id, "✅")
        ann.wait(room, by(bot, "decided already"))
        assert not bot.rows(f"SELECT id FROM messages WHERE sender = '{stranger.id}'")
        ann.send(room, "!ask")
        question = ann.wait(room, lambda said: by(bot, "allow")(said) and said.id != question.id and said.reactions)
        ann.react(room, question.id, "✅️")  # as some clients write it
        ann.wait(room, by(bot, "allow-once"))
        ann.wait(room, lambda said: said.id == question.id and "✔ Allowed once by " in said.text)
        assert not [said for said in ann.shown(room) if said.text.startswith(("Allowed", "Denied"))]  # said once
        ann.send(room, "!ask")
        question = ann.wait(room, lambda said: by(bot, "Answer `allow`")(said) or by(bot, "Answer allow")(said))
        ann.send(room, "!allow")
        ann.wait(room, by(bot, "Allowed once:"))  # whoever types may be far below the question
        ann.wait(room, lambda said: said.id == question.id and "✔ Allowed once by " in said.text)
        assert process.end() == 0


def test_p11_strangers_get_a_code_at_most_and_owners_let_people_in(synapse: Synapse, tmp_path: Path) -> None:
    ann, bob, mallory = synapse.user("ann"), synapse.user("bob"), synapse.user("mallory")
    bot = MatrixBot(tmp_path, synapse)
    with bot.start() as process:
        code = process.pairing_code()
        with_ann = ann.create_room([bot.account], direct=True)
        ann.wait_member(with_ann, bot.account)
        ann.send(with_ann, "pair 00000000")
        ann.send(with_ann, f"pair {code}")
        ann.wait(with_ann, by(bot, "owner"))
        with_mallory = mallory.create_room([bot.account], direct=True)  # there is an owner now

        room = ann.create_room([bot.account, bob])
        bob.join(room)
        ann.wait_member(room, bot.account)
        bob.send(room, "tugbot: let me in")
        asked = ann.wait(room, by(bot, "grant"))
        ann.send(room, f"!{next(line for line in asked.text.replace('`', chr(10)).splitlines() if 'grant' in line)}")
        ann.wait(room, lambda said: by(bot, bob.id)(said) or by(bot, "member")(said))
        bob.send(room, "!status")
        ann.wait(room, by(bot, "Books"))
        bob.send(room, "tugbot: run something on the host")
        ann.wait(room, by(bot, "project"))
        ann.send(with_ann, f"revoke {bob.id}")
        ann.wait(with_ann, by(bot, bob.id))
        late = bob.send(room, "!status")
        ann.send(with_ann, "members")
        ann.wait(with_ann, by(bot, ann.id))
        assert bot.account.id not in mallory.members(with_mallory)
        assert not bot.rows(f"SELECT id FROM messages WHERE event_id = '{late}'")
        assert not bot.rows("SELECT id FROM runs")
        assert process.end() == 0


def test_files_both_ways(synapse: Synapse, tmp_path: Path) -> None:
    ann = synapse.user("ann")
    script = "cat > asked; cat .tugbot/files/*; echo made > out.txt"
    agent = f'[agents.reads]\nbackend = "command"\ncommand = ["sh", "-c", "{script}"]\n'
    bot = MatrixBot(tmp_path, synapse, (ann,), agent="reads", more=agent)
    with bot.start() as process:
        room = bot.conversation(ann)
        ann.send_file(room, "../../notes.txt", b"the content of the notes", mime="text/plain")
        ann.wait(room, by(bot, "the content of the notes"))
        ann.send(room, "send out.txt")
        sent = ann.wait(room, lambda said: said.sender == bot.id and said.kind == "m.file")
        assert ann.fetch(sent) == b"made\n"
        ann.send(room, "send ../../../../etc/passwd")
        ann.wait(room, by(bot, "could not be done"))
        ann.send(room, "send /workspace")
        assert process.end() == 0
    assert not [said for said in ann.shown(room) if "root:" in said.text]


def test_long_answers_go_on_in_a_second_message_and_render(synapse: Synapse, tmp_path: Path) -> None:
    ann = synapse.user("ann")
    bot = MatrixBot(tmp_path, synapse, (ann,))
    with bot.start() as process:
        room = bot.conversation(ann)
        ann.send(room, "big 20")
        ann.wait(room, lambda said: said.sender == bot.id and "—" in said.text and " s" in said.text, patience=60)
        parts = [said for said in ann.shown(room) if said.sender == bot.id]
        assert len(parts) >= 3
        assert sum(len(part.text) for part in parts) >= 20_000
        assert all(len(part.text) <= 8_000 for part in parts)
        assert process.end() == 0


def test_an_answer_of_many_messages_is_a_file_in_the_end(synapse: Synapse, tmp_path: Path) -> None:
    ann = synapse.user("ann")
    bot = MatrixBot(tmp_path, synapse, (ann,))
    with bot.start() as process:
        room = bot.conversation(ann)
        ann.send(room, "big 100")
        last = ann.wait(room, by(bot, "the file `answer-1.md` holds all of it", "—"), patience=60)
        said = [each for each in ann.shown(room) if each.sender == bot.id]
        (file,) = [each for each in said if each.kind == "m.file"]
        assert len(said) == 6  # four pages, the file, and the line about it
        assert f"{len(ann.fetch(file).decode()):,} characters" in last.text
        assert len(ann.fetch(file)) >= 100_000
        assert process.end() == 0


# ---------------------------------------------------------------- trouble


def test_a_homeserver_that_goes_and_comes_loses_nothing(tmp_path: Path) -> None:
    with Synapse(tmp_path / "synapse") as server:
        ann = server.user("ann")
        bot = MatrixBot(tmp_path / "bot", server, (ann,), agent="slow", more=SLOW)
        bot.place.mkdir()
        with bot.start() as process:
            room = bot.conversation(ann)
            ann.send(room, "before")
            ann.wait(room, by(bot, "run 1"))
            server.stop()  # the run goes on, and its answer waits
            process.send("status", "look", "a")
            process.wait(lambda said: "matrix" in str(said.get("text", "")).lower(), 40)
            server.start()
            ann.wait(room, by(bot, "answer to before"), patience=90)
            ann.send(room, "after")
            ann.wait(room, by(bot, "answer to after"), patience=90)
            assert process.end() == 0


SLOW = '[agents.slow]\nbackend = "command"\ncommand = ["sh", "-c", "read x; sleep 4; echo answer to $x"]\n'


def test_a_rate_limit_is_waited_for(tmp_path: Path) -> None:
    with Synapse(tmp_path / "synapse", messages={"per_second": 1, "burst_count": 3}) as server:
        ann = server.user("ann")
        server.exempt(ann)
        bot = MatrixBot(tmp_path / "bot", server, (ann,), agent="cat", more=CAT)
        bot.place.mkdir()
        with bot.start() as process:
            room = bot.conversation(ann)
            for number in range(6):
                ann.send(room, f"!status {number}" if number % 2 else f"message {number}")
            ann.wait(room, by(bot, "message 4"), patience=60)
            ann.until(lambda: not bot.rows("SELECT id FROM outbox WHERE state != 'sent'"), patience=60)
            assert process.end() == 0
        texts = [said.text for said in ann.shown(room) if said.sender == bot.id]
        assert len(texts) == len(set(texts)) or all(texts.count(text) == 1 for text in texts if "message" in text)


def test_a_revoked_token_is_told_and_leaves_the_rest_at_work(synapse: Synapse, tmp_path: Path) -> None:
    ann = synapse.user("ann")
    bot = MatrixBot(tmp_path, synapse, (ann,))
    with bot.start() as process:
        bot.conversation(ann)
        bot.account.log_out()
        process.message("refuses our token", "tugbot init matrix", patience=60)
        process.send("status", "1")
        process.message("refuses our token", "Books")
        process.send("hello", "2")
        process.message("You wrote: hello")
        assert process.end() == 0
    assert process.stderr.count(b"refuses our token") < 5


def test_rooms_that_move_and_rooms_that_throw_us_out(synapse: Synapse, tmp_path: Path) -> None:
    ann = synapse.user("ann")
    bot = MatrixBot(tmp_path, synapse, (ann,), agent="cat", more=CAT)
    with bot.start() as process:
        room = bot.conversation(ann)
        ann.send(room, "mode interrupt")
        ann.wait(room, by(bot, "interrupt"))
        new = ann.upgrade(room)
        ann.invite(new, bot.account)
        ann.send(new, "here we are")
        ann.wait(new, by(bot, "here we are"))
        ann.send(new, "mode")
        ann.wait(new, by(bot, "interrupt"))  # the new room is what the old one was
        ann.send(new, "stay")
        ann.kick(new, bot.account)
        other = bot.conversation(ann)
        ann.send(other, "still there?")
        ann.wait(other, by(bot, "still there?"))
        assert process.end() == 0


def test_two_accounts_are_two_transports(synapse: Synapse, tmp_path: Path) -> None:
    ann, work = synapse.user("ann"), synapse.user("tugbot-at-work")
    table = f'[transports.matrix.accounts.work]\nhomeserver = "{synapse.url}"\nuser = "{work.id}"\n'
    bot = MatrixBot(tmp_path, synapse, (ann,), agent="cat", more=CAT + table)
    with bot.start(env={"TUGBOT_MATRIX_TOKEN_WORK": work.token}) as process:
        first = bot.conversation(ann)
        second = ann.create_room([work], direct=True)
        ann.wait_member(second, work)
        ann.send(second, "to the second")
        ann.send(first, "to the first")
        assert ann.wait(first, by(bot, "to the first"))
        assert ann.wait(second, lambda said: said.sender == work.id and "to the second" in said.text)
        work.log_out()
        ann.wait(first, by(bot, "matrix.work", "refuses our token"), patience=60)
        ann.send(first, "and the first goes on")
        ann.wait(first, by(bot, "and the first goes on"))
        assert process.end() == 0
    sessions = {row[0] for row in bot.rows("SELECT session FROM sessions")}
    assert sessions == {f"matrix/{first}", f"matrix.work/{second}"}


def test_settings_that_cannot_work_are_told_at_once(synapse: Synapse, tmp_path: Path) -> None:
    bot = MatrixBot(tmp_path, synapse)
    with bot.start(token="") as process:
        assert process.process.wait(20) == 2
    assert b"tugbot init matrix" in process.stderr
    other = synapse.user("other")
    with bot.start(token=other.token) as process:
        process.message(f"the token is of {other.id}", patience=30)
        assert process.end() == 0
    assert os.listdir(tmp_path / "data")
