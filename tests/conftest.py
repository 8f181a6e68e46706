"""What every suite shares: in CI a failure is told when it happens, in one line, and not only at the end of an hour."""

from __future__ import annotations

import os
import sys

import pytest


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed and os.environ.get("CI") == "true":
        crash = getattr(report.longrepr, "reprcrash", None)
        why = crash.message if crash is not None else str(report.longrepr)
        told = f"{report.when} of {report.nodeid} failed: {' '.join(why.split())[:500]}"
        print(f"\n{told}", file=sys.__stdout__, flush=True)
