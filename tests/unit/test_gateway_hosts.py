"""Names that a browser on another site could send, and those that are ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.hosts import is_ours, login
from bot.gateway.model import Address


@pytest.mark.parametrize(
    "header", ["localhost", "LOCALHOST:8808", "localhost.", "127.0.0.1", "127.0.0.1:8808", "127.8.9.1", "[::1]:8808"]
)
def test_the_loopback_interface_is_ours_by_any_of_its_names(header: str) -> None:
    assert is_ours(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8808",
        "localhost@evil.example",
        "localhost:8808:1",
        "localhost:x",
        "192.168.0.1",
        "[::1",
        "::1",
        "[::2]",
        "localhost ",
        "localhost, evil.example",
        "0.0.0.0",
        "١٢٧.0.0.1",
    ],
)
def test_nothing_else_is(header: str) -> None:
    assert not is_ours(header)
    assert not is_ours(header, "tugbot.example.org")


def test_the_public_name_is_ours_where_there_is_one() -> None:
    assert is_ours("Tugbot.example.org", "tugbot.example.org")
    assert is_ours("tugbot.example.org:443", "tugbot.EXAMPLE.org")
    assert not is_ours("a.tugbot.example.org", "tugbot.example.org")
    assert not is_ours("tugbot.example.org")


@given(st.text())
def test_no_text_breaks_it(header: str) -> None:
    is_ours(header)


@pytest.mark.parametrize(
    ("address", "home"),
    [
        (Address(), "http://127.0.0.1:8808"),
        (Address("127.0.0.2"), "http://127.0.0.2:8808"),
        (Address("::1"), "http://[::1]:8808"),
        (Address("0.0.0.0", behind_proxy=True), "http://127.0.0.1:8808"),
        (Address("::", behind_proxy=True), "http://[::1]:8808"),
        (Address("10.0.0.7", behind_proxy=True, public_host="tugbot.example.org"), "https://tugbot.example.org"),
    ],
)
def test_a_link_leads_where_it_can_be_followed(address: Address, home: str) -> None:
    assert login(address, 8808, "x") == f"{home}/login#x"
    assert is_ours(home.partition("://")[2], address.public_host)
