"""Containment on the host: start a program so that every process it ever makes can be ended, and proven ended."""

from bot.agents.containment.bubblewrap import BubblewrapLauncher
from bot.agents.containment.group import GroupLauncher
from bot.agents.containment.probe import ProbeResult, choose, probe
from bot.agents.containment.programs import program_paths
from bot.agents.containment.subreaper import become_subreaper
from bot.agents.containment.supervised import SupervisedLauncher

__all__ = [
    "BubblewrapLauncher",
    "GroupLauncher",
    "ProbeResult",
    "SupervisedLauncher",
    "become_subreaper",
    "choose",
    "probe",
    "program_paths",
]
