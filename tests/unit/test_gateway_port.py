"""Where the gateway may listen, and what is said where it cannot."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from bot.gateway.errors import AddressRefused, Exposed, GatewayOff, PortTaken
from bot.gateway.model import Address
from bot.gateway.port import claim, is_loopback, is_spare, wanted


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(claim(Address(port=0))) as other:
        yield other.getsockname()[1]


def test_it_is_on_where_somebody_may_look_or_call() -> None:
    assert wanted("auto", [], watched=True)
    assert not wanted("auto", [], watched=False)
    assert wanted("auto", ["slack"], watched=False)
    assert wanted("on", [], watched=False)
    assert not wanted("off", [], watched=True)
    with pytest.raises(GatewayOff, match=r'slack is called over HTTP.*"off".*"auto"'):
        wanted("off", ["slack"], watched=True)


def test_a_start_does_without_where_nobody_asked_for_it_by_name() -> None:
    assert is_spare("auto", [])
    assert not is_spare("auto", ["web"])
    assert not is_spare("on", [])


@pytest.mark.parametrize("listen", ["0.0.0.0", "::", "192.0.2.7", "10.0.0.1", "2001:db8::1"])
def test_what_others_can_reach_needs_a_declared_proxy(listen: str) -> None:
    assert not is_loopback(listen)
    with pytest.raises(Exposed, match=r"gateway\.listen.*behind_proxy = true"):
        claim(Address(listen=listen, port=0))


def test_a_declared_proxy_may_be_anywhere() -> None:
    with closing(claim(Address(listen="0.0.0.0", port=0, behind_proxy=True))) as claimed:
        assert claimed.getsockname()[0] == "0.0.0.0"


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.2", "::1"])
def test_the_loopback_interface_needs_nothing(listen: str) -> None:
    try:
        claimed = claim(Address(listen=listen, port=0))
    except AddressRefused:
        assert listen != "127.0.0.1"
        pytest.skip(f"this machine has no {listen}")
    with closing(claimed):
        assert claimed.getsockname()[0] == listen


def test_a_taken_port_is_named_with_the_setting_that_changes_it(taken: int) -> None:
    with pytest.raises(PortTaken, match=rf"Port {taken} on 127\.0\.0\.1.*gateway\.port.*TUGBOT_GATEWAY__PORT"):
        claim(Address(port=taken))


def test_an_address_that_is_not_here_is_told() -> None:
    with pytest.raises(AddressRefused, match=r"192\.0\.2\.7, port 8808.*gateway\.listen"):
        claim(Address(listen="192.0.2.7", behind_proxy=True))


def test_whoever_connects_before_the_bot_is_ready_waits(taken: int) -> None:
    with socket.create_connection(("127.0.0.1", taken), timeout=1):
        pass


def test_no_child_inherits_the_socket() -> None:
    with closing(claim(Address(port=0))) as claimed:
        assert not claimed.get_inheritable()
