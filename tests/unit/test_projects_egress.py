"""What an allow-list lets through, and how containers are closed in: as values."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bot.projects import egress, hardening
from bot.projects.model import Owner, Resources


def allowed(host: str, *hosts: str) -> bool:
    return any(re.search(line, host) for line in egress.filters(hosts).splitlines())


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("example.org", True),
        ("api.example.org", True),
        ("a.b.example.org", True),
        ("badexample.org", False),
        ("example.org.evil.net", False),
        ("exampleXorg", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_a_host_is_allowed_with_everything_below_it_and_nothing_beside_it(host: str, passes: bool) -> None:
    assert allowed(host, "Example.org") is passes


def test_an_empty_list_allows_nothing() -> None:
    assert not any(allowed(host) for host in ("", "a", "example.org", "^$a"))


def test_the_proxy_denies_by_default_and_tunnels_to_one_port() -> None:
    lines = egress.configuration().splitlines()
    assert {"FilterDefaultDeny Yes", "FilterType ere", "ConnectPort 443"} <= set(lines)
    assert not any(line.startswith(("Allow", "Upstream", "ReverseProxy")) for line in lines)


def test_every_network_is_its_own() -> None:
    networks = [ipaddress.ip_network(egress.subnet_of(number)) for number in range(egress.COUNT)]
    assert len(set(networks)) == egress.COUNT
    assert all(each.num_addresses == 16 and each.is_private for each in networks)


# ---------------------------------------------------------------- containers

RESOURCES = Resources(2.0, 1 << 30)


def run_container(network: str = "none") -> hardening.Container:
    return hardening.run_container(
        "abcdef01", 7, 3, "t", "image", Owner(1, 2), RESOURCES, Path("/src/x"), network, {}, None, "toy", ("127.0.0.1",)
    )


def test_a_runs_container_publishes_nothing_restarts_never_and_bears_its_labels() -> None:
    made = run_container()
    assert not made.published
    assert not made.restarts
    assert made.labels == {
        "tugbot.install": "abcdef01",
        "tugbot.role": "run",
        "tugbot.project": "7",
        "tugbot.run": "3",
    }
    assert made.entrypoint == hardening.ENTER
    assert made.pids >= hardening.LEAST_PIDS


def test_containers_that_share_a_network_have_no_host_name_of_their_own() -> None:
    """The engine refuses to make one that has."""
    assert run_container("container:abc").hostname == ""
    assert run_container().hostname == "toy"


def test_nothing_but_source_home_and_keys_is_mounted() -> None:
    made = hardening.project_container(
        "abcdef01", 7, "toy", "image", Owner(1, 2), RESOURCES, Path("/src/x"), Path("/data/keys"), 20_001, {}
    )
    assert [(each.source, each.target, each.read_only) for each in made.mounts] == [
        ("/src/x", "/workspace", False),
        ("tugbot-abcdef01-7-home", "/home/dev", False),
        ("/data/keys", "/etc/tugbot/keys", True),
    ]
    assert made.published == {2222: 20_001}


def test_what_is_in_memory_is_owned_and_bounded_and_can_be_executed() -> None:
    tmpfs = replace(run_container(), resources=Resources(1.0, 1 << 20)).tmpfs
    assert "exec" in tmpfs["/tmp"].split(",")
    assert "size=524288" in tmpfs["/tmp"].split(",")
    assert {"uid=1", "gid=2", "nosuid", "nodev"} <= set(tmpfs["/run"].split(","))
