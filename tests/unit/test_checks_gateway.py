"""What `tugbot doctor` says about the gateway."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from bot.checks import gateway
from bot.checks.base import Check
from bot.datadir import InstanceLock, prepare
from bot.gateway.model import Address
from bot.gateway.port import claim
from bot.settings import Settings
from bot.settings.gateway import GatewaySettings


def checks(place: Path, needed_by: tuple[str, ...] = (), **own: object) -> list[Check]:
    settings = Settings().model_copy(
        update={"data_dir": place, "gateway": GatewaySettings(**{"port": 0, **own})}  # type: ignore[arg-type]
    )
    return list(gateway.check(settings, needed_by))


def test_nothing_is_said_where_there_is_none(tmp_path: Path) -> None:
    assert checks(tmp_path, enabled="off") == []


def test_it_is_tried_where_a_start_would_have_it(tmp_path: Path) -> None:
    for found in (checks(tmp_path), checks(tmp_path, ("slack",)), checks(tmp_path, enabled="on")):
        assert found == [Check("gateway", True, "it can listen on 127.0.0.1, port 0")]


def test_what_the_start_would_say_is_said(tmp_path: Path) -> None:
    for options in ({"enabled": "off"}, {"listen": "0.0.0.0"}):
        (found,) = checks(tmp_path, ("slack",), **options)
        assert not found.ok
        assert "gateway." in found.detail
        assert found.fix


def test_a_taken_port_is_right_where_the_bot_itself_has_it(tmp_path: Path) -> None:
    data = prepare(tmp_path / "data")
    with closing(claim(Address(port=0))) as taken:
        port = taken.getsockname()[1]
        (found,) = checks(data, enabled="on", port=port)
        assert not found.ok
        assert f"Port {port} on 127.0.0.1 is in use" in found.detail
        with InstanceLock(data):
            (found,) = checks(data, enabled="on", port=port)
        assert found == Check("gateway", True, f"the running bot has 127.0.0.1, port {port}")


def test_a_start_that_does_without_is_no_failure(tmp_path: Path) -> None:
    with closing(claim(Address(port=0))) as taken:
        port = taken.getsockname()[1]
        (found,) = checks(tmp_path, port=port)
        assert found.ok
        assert f"no page: Port {port} on 127.0.0.1 is in use" in found.detail
        assert found.fix
        (found,) = checks(tmp_path, ("slack",), port=port)
        assert not found.ok
