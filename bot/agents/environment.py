"""Which variables a child sees: an allow-list and the names its agent lists. Never the bot's own environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

# CA variables belong here: behind a TLS-inspecting proxy an agent without them cannot reach its API at all.
CERTIFICATES = frozenset(
    {
        "AWS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "NODE_EXTRA_CA_CERTS",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
    }
)
PROXIES = frozenset(
    name
    for upper in ("ALL_PROXY", "FTP_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
    for name in (upper, upper.lower())
)
ALLOWED = (
    frozenset({"HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TERM", "TZ", "USER"}) | CERTIFICATES | PROXIES
)


@dataclass(frozen=True, slots=True)
class ChildEnvironment:
    values: Mapping[str, str]
    missing: tuple[str, ...] = ()  # listed names that have no value anywhere, in the order listed


def child_environment(
    environ: Mapping[str, str], names: Iterable[str] = (), secrets: Mapping[str, str] | None = None
) -> ChildEnvironment:
    """The complete environment of an agent's program.

    `names` are taken from `secrets` first, then from `environ`; an empty value counts as missing.
    """
    listed = tuple(dict.fromkeys(names))
    values = {name: value for name, value in environ.items() if is_allowed(name)}
    wanted = {name: (secrets or {}).get(name) or environ.get(name, "") for name in listed}
    values.update({name: value for name, value in wanted.items() if value})
    return ChildEnvironment(values, tuple(name for name in listed if not wanted[name]))


def is_allowed(name: str) -> bool:
    return name in ALLOWED or name.startswith("LC_")


def certificate_paths(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Files and directories that the CA variables name: the program must be able to read them in its sandbox."""
    return tuple(Path(env[name]) for name in sorted(CERTIFICATES & env.keys()) if env[name].startswith("/"))
