"""A project made from a Matrix room: on a real engine, with a room of its own."""

from __future__ import annotations

import pytest

from tests.docker_world import Projects
from tests.matrix_bot import MatrixBot, by
from tests.matrix_world import Synapse

pytestmark = pytest.mark.integration


def test_a_project_gets_a_room_of_its_own_and_files_reach_its_container(synapse: Synapse, projects: Projects) -> None:
    ann, bob = synapse.user("ann"), synapse.user("bob")
    tables = projects.config[projects.config.index("[projects]") :]
    reads = '[agents.reads]\nbackend = "command"\ncommand = ["sh", "-c", "cat; cat .tugbot/files/*; id -u > who.txt"]\n'
    bot = MatrixBot(projects.place, synapse, (ann,), matrix="room_per_project = true\n", more=tables + reads)
    with bot.start() as process:
        home = bot.conversation(ann)
        ann.send(home, "new project harbour --agent reads")
        ann.wait(home, by(bot, "harbour", "ready"), patience=120)
        room = ann.wait_invite(patience=60)
        ann.join(room)
        assert ann.state(room, "m.room.name")["name"] == "harbour"
        ann.wait(room, by(bot, "`harbour`"))
        ann.send_file(room, "notes.txt", b"from the room\n", mime="text/plain")
        ann.wait(room, by(bot, "from the room"), patience=60)
        ann.send(room, "send who.txt")
        sent = ann.wait(room, lambda said: said.sender == bot.id and said.kind == "m.file")
        assert ann.fetch(sent) == b"1000\n"

        # A member talks to the agent in the project's container, which is what members are for; not on the host.
        ann.invite(room, bob)
        bob.join(room)
        ann.send(home, f"grant {bob.id} as member")
        ann.wait(home, by(bot, bob.id))
        bob.send(room, "tugbot: hello from bob")
        ann.wait(room, by(bot, "hello from bob"), patience=60)
        ann.send(home, "delete harbour --confirm harbour")
        ann.wait(home, by(bot, "is deleted"), patience=60)
        assert process.end() == 0
