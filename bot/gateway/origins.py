"""Whether a browser sends a request for a page of ours, or for another site's. Pure.

A browser adds our cookie to what pages of other ports of this machine send, too: SameSite knows no ports, and neither
do cookies. The headers here are the browser's own, no page can set them.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.gateway import hosts

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # change nothing, ever
# Of these a form can send the last alone, and never with MARK.
BODIES = frozenset({"application/json", "application/octet-stream"})
MARK = "X-Tugbot"  # which no form can send, and no script of another site without asking us first (and we never agree)


def may_look(headers: Mapping[str, str], public_host: str) -> bool:
    """Whether a request that changes nothing may use a cookie: nobody else's page holds our streams open."""
    if "Origin" in headers and not _is_ours(headers["Origin"], headers.get("Host", ""), public_host):
        return False
    site = headers.get("Sec-Fetch-Site", "none")
    return site in ("same-origin", "none") or _is_a_visit(headers)


def _is_a_visit(headers: Mapping[str, str]) -> bool:
    """Somebody follows a link; a page of another site that holds ours in an <object> navigates as well."""
    return headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest", "document") == "document"


def may_change(headers: Mapping[str, str], content_type: str, *, has_body: bool, public_host: str) -> bool:
    """Whether a request that changes something may use a cookie, or log in."""
    if headers.get(MARK) != "1" or (has_body and content_type not in BODIES):
        return False
    site = headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin"):
        return False
    if "Origin" in headers:
        return _is_ours(headers["Origin"], headers.get("Host", ""), public_host)
    return site == "same-origin"


def _is_ours(origin: str, host: str, public_host: str) -> bool:
    """`host`: the request's Host header, which guards.py has found to be ours."""
    ours = {f"https://{host}", f"https://{public_host}"} if public_host else {f"https://{host}"}
    if hosts.is_ours(host):
        ours.add(f"http://{host}")  # anywhere else, encryption is somebody's who could change it on the way
    return origin.lower() in {each.lower() for each in ours}
