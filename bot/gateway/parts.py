"""What is served beside health and hooks: of each part what it needs of the bot. None: that part is not served."""

from __future__ import annotations

from dataclasses import dataclass

from bot.gateway.api.model import Backstage as Api
from bot.gateway.entrance import Backstage as Entrance
from bot.gateway.events import Backstage as Events
from bot.gateway.vitals import Backstage as Vitals


@dataclass(frozen=True, slots=True)
class Parts:
    entrance: Entrance | None = None  # without it nobody is known, so nothing answers that wants a caller
    vitals: Vitals | None = None  # without it health says that the bot lives, no more, and there are no metrics
    api: Api | None = None  # needs an entrance: every call has a caller
    events: Events | None = None
