"""The tool chains there are."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from bot.gateway.api.model import Answer, Backstage, Call, NoParams, Route, Shown
from bot.projects.images import Tool as Found
from bot.projects.model import Stack as Known


class Tool(Shown):
    name: str
    version: str = Field(description='As it says itself; "": it is not there.')
    missing: str = Field(description="Why it is not there.")


class Stack(Shown):
    name: str
    markers: list[str] = Field(description="Files by which a project shows that it needs it.")
    tools: list[Tool] | None = Field(description="What is in it; null: no image here has it, or none could be asked.")


class Stacks(Shown):
    stacks: list[Stack]


async def index(call: Call[NoParams, None], stage: Backstage) -> Answer:
    return Answer(Stacks(stacks=[_stack(known, tools) for known, tools in await stage.stacks()]))


def _stack(known: Known, tools: Sequence[Found] | None) -> Stack:
    shown = None if tools is None else [_tool(each) for each in tools]
    return Stack(name=known.name, markers=list(known.markers), tools=shown)


def _tool(found: Found) -> Tool:
    return Tool(name=found.name, version=found.version, missing=found.missing)


ROUTES = (Route("GET", "/stacks", "Lists the tool chains there are", "member", index, {200: Stacks}),)
