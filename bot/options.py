"""What was asked for on the command line. No logic to speak of, and nothing heavy to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class RunOptions:
    config: Path | None = None  # None: ./bot.toml if there is one, else the defaults
    data: Path | None = None  # None: as the settings say; so is agent
    agent: str | None = None
    transports: tuple[str, ...] = ()  # (): all that are set up
    input: Literal["lines", "jsonl"] = "lines"  # how the console reads when it is not a terminal
    log_json: bool = False

    def overrides(self) -> Mapping[str, object]:
        """Settings that win over file and environment, as `bot.settings.load` takes them."""
        log = {"json": True} if self.log_json else None
        given = {"data_dir": self.data, "default_agent": self.agent, "log": log}
        return {key: value for key, value in given.items() if value is not None}
