"""What an agent is told beside the messages: once where it is, and now and then what it cannot know. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agents.prompt import sender_names
from bot.store.records import RunRecord
from dispatcher.model import Batch, RunState

FIELDS = ("people", "place", "project")  # what the template of a brief may name in braces
ASKED = 80  # characters of an earlier prompt

_FATES = {
    RunState.STOPPED: "was stopped by the user: do not go on with it unless asked to",
    RunState.INTERRUPTED: "was interrupted before its end",
    RunState.TIMED_OUT: "was ended by a time limit",
    RunState.FAILED: "ended with an error",
}


def brief(template: str, batch: Batch) -> str:
    """The template with its fields filled in."""
    people = " and ".join(dict.fromkeys(sender_names(batch.rows).values()))
    project = f"the project {batch.binding.project}" if batch.binding.project else "no project, only a directory"
    return template.format(people=people, place=batch.rows[-1].event.transport, project=project).strip()


def reminder(missed: Sequence[RunRecord]) -> str:
    """What became of turns since the agent's last good one; ends with a blank line, or is empty."""
    if not missed:
        return ""
    return "\n".join(("[Since your last finished turn:", *map(_fate, missed))) + "]\n\n"


def _fate(run: RunRecord) -> str:
    asked = " ".join(run.prompt.split())
    asked = asked if len(asked) <= ASKED else asked[: ASKED - 1] + "…"
    return f'- run {run.id}, "{asked}", {_FATES.get(run.state, "ended")}'
