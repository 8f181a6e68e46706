"""Git URLs for every text there could be: refused, or something that git takes for what we take it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.projects.errors import UrlInvalid
from bot.projects.giturl import ALWAYS, EXTRA, GitUrl, check_branch, parse

ALL = (*ALWAYS, *EXTRA)
PIECES = (
    *("https", "ssh", "http", "file", "ext", "git", "HTTPS", "://", ":", "::", "/", "//", "@", "-", "--upload-pack="),
    *("[", "]", "[::1]", "%2e%2e", "%2E", "%", "..", ".", "~", "?", "#", "\\", " ", "\n", "\0", "\u2028", "\ud800"),
    *("git.example.org", "example", "me", "hunter2", "x.git", "22", "65536", "ä", "K", "Ａ", "ſ", "。"),
)
TEXTS = st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)


@st.composite
def likely(draw: st.DrawFn) -> str:
    """Of the forms that are taken, with anything in each place."""
    part = st.sampled_from(("git.example.org", "me", "x", "[::1]", "a/b")) | st.text(max_size=4)
    form = draw(
        st.sampled_from(("https://{0}/{1}", "ssh://{2}@{0}:22/{1}", "{2}@{0}:{1}", "{0}:{1}", "file:///{0}/{1}"))
    )
    return form.format(draw(part), draw(part), draw(part))


def parsed(text: str, allowed: tuple[str, ...] = ALWAYS) -> GitUrl | None:
    try:
        return parse(text, allowed)
    except UrlInvalid:
        return None


@given(TEXTS | likely(), st.sampled_from((ALWAYS, ALL)))
@example("file:a://b", ALL)
@example("git@[::1]:x", ALWAYS)
@example("ssh://[v1.x]/y", ALWAYS)
@example("https://K.example/x", ALWAYS)
def test_every_text_is_refused_or_means_one_thing(text: str, allowed: tuple[str, ...]) -> None:
    url = parsed(text, allowed)
    if url is None:
        return
    written = str(url)
    assert parse(written, allowed) == url
    assert url.scheme in allowed
    assert not written.startswith("-")
    assert written.isprintable()
    assert not any(char.isspace() for char in written)
    assert not url.host.startswith("-")
    assert not url.user.startswith("-")
    assert not url.path.startswith("-")
    assert ".." not in url.path.split("/")


@given(likely())
def test_what_is_taken_holds_no_password(text: str) -> None:
    if (url := parsed(text)) is None:
        return
    authority = str(url).partition("://")[2].partition("/")[0]
    assert ":" not in authority.rpartition("@")[0]
    assert url.scheme == "ssh" or not url.user


@given(st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=8, max_size=40), likely())
def test_a_refusal_repeats_no_password(password: str, text: str) -> None:
    password = f"zq{password}qz"
    with pytest.raises(UrlInvalid) as caught:
        parse(f"https://me:{password}@git.example.org/{text}")
    assert password not in str(caught.value)


@given(st.text() | st.lists(st.sampled_from(("a", "/", ".", "..", ".lock", "@{", "-", "~", "\\", "\n"))).map("".join))
def test_a_branch_is_refused_or_safe_to_give(name: str) -> None:
    try:
        assert check_branch(name) == name
    except UrlInvalid:
        return
    assert name.isprintable()
    assert not name.startswith(("-", "/", "."))
    assert ".." not in name
    assert not set(name) & set(" ~^:?*[\\")
