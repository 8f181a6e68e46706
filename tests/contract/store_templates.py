"""Fresh databases for tests, copied from one that was migrated once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.store.migrations import migrate
from bot.store.tables import metadata
from tests.postgres import Postgres


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "tugbot.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    name = postgres.create()
    migrate(postgres.url(name))
    return name


@pytest.fixture(scope="session")
def postgres_shared(postgres: Postgres, postgres_template: str) -> str:
    return postgres.create(postgres_template)


def empty_database(request: pytest.FixtureRequest, directory: Path) -> tuple[str, Callable[[], None]]:
    """As `fresh_database`, for tests that leave the schema alone: a PostgreSQL database is emptied, not made anew,
    which takes a third of the time."""
    if request.param == "sqlite":
        return fresh_database(request, directory)
    server: Postgres = request.getfixturevalue("postgres")
    name = request.getfixturevalue("postgres_shared")
    server.disconnect(name)  # a test that failed may have left something open
    server.execute("TRUNCATE " + ", ".join(metadata.tables), name)
    return server.url(name), lambda: server.disconnect(name)


def fresh_database(request: pytest.FixtureRequest, directory: Path) -> tuple[str, Callable[[], None]]:
    """An empty database of the kind that the fixture's parameter names, and what parts its first bot from it."""
    if request.param == "sqlite":
        file = directory / "tugbot.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        return f"sqlite:///{file}", lambda: None
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create(request.getfixturevalue("postgres_template"))
    return server.url(name), lambda: server.disconnect(name)
