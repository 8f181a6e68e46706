"""Git URLs from chat: what is taken, and that nothing hostile ever reaches git."""

from __future__ import annotations

import pytest

from bot.projects.errors import UrlInvalid
from bot.projects.giturl import ALWAYS, GitUrl, check_branch, parse

ALL = (*ALWAYS, "http", "file")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://git.example.org/me/harbour.git", GitUrl("https", "git.example.org", "/me/harbour.git")),
        ("https://git.example.org:8443/me/harbour", GitUrl("https", "git.example.org", "/me/harbour", port=8443)),
        ("https://192.0.2.7/x", GitUrl("https", "192.0.2.7", "/x")),
        ("https://[2001:db8::1]:8443/x", GitUrl("https", "[2001:db8::1]", "/x", port=8443)),
        ("https://git.example.org/~me/%7Ea/x+y", GitUrl("https", "git.example.org", "/~me/%7Ea/x+y")),
        ("https://git.example.org/mé/日本.git", GitUrl("https", "git.example.org", "/mé/日本.git")),
        ("https://git.example.org/a..b/...", GitUrl("https", "git.example.org", "/a..b/...")),
        ("ssh://git.example.org/me/harbour", GitUrl("ssh", "git.example.org", "/me/harbour")),
        ("ssh://git@git.example.org/~/x", GitUrl("ssh", "git.example.org", "/~/x", "git")),
        ("ssh://git@git.example.org:2222/x", GitUrl("ssh", "git.example.org", "/x", "git", 2222)),
        ("ssh://git@[::1]:2222/x", GitUrl("ssh", "[::1]", "/x", "git", 2222)),
        ("ssh://[::1]/x", GitUrl("ssh", "[::1]", "/x")),
        ("git@git.example.org:me/x.git", GitUrl("ssh", "git.example.org", "me/x.git", "git", scp=True)),
        ("git@git.example.org:/srv/x", GitUrl("ssh", "git.example.org", "/srv/x", "git", scp=True)),
        ("git.example.org:x", GitUrl("ssh", "git.example.org", "x", scp=True)),
        ("git.example.org:~me/x", GitUrl("ssh", "git.example.org", "~me/x", scp=True)),
        ("git@[::1]:me/x", GitUrl("ssh", "[::1]", "me/x", "git", scp=True)),
        ("[2001:db8::1]:x", GitUrl("ssh", "[2001:db8::1]", "x", scp=True)),
    ],
)
def test_addresses_are_taken_apart_and_put_together_again(text: str, url: GitUrl) -> None:
    assert parse(text) == url
    assert str(url) == text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("HTTPS://Git.Example.ORG/Me/X", "https://git.example.org/Me/X"),
        ("ssh://@git.example.org:/x", "ssh://git.example.org/x"),
    ],
)
def test_what_means_the_same_is_written_one_way(text: str, same: str) -> None:
    assert str(parse(text)) == same


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("https://git.example.org/" + "x" * 2000, "longer than 1000"),
        # git would take these for options
        ("--upload-pack=touch /tmp/x", "space"),
        ("--upload-pack=x", "starts with `-`"),
        ("-oProxyCommand=x", "starts with `-`"),
        ("-", "starts with `-`"),
        # ssh would take these for options
        ("ssh://-oProxyCommand=x/y", "host name"),
        ("ssh://-oProxyCommand/y", "host name"),
        ("ssh://git@-oProxyCommand/y", "host name"),
        ("ssh://-x@git.example.org/y", "user name"),
        ("git@-oProxyCommand=x:y", "host name"),
        ("-x@git.example.org:y", "starts with `-`"),
        ("git.example.org:-oProxyCommand=x", "path starts with `-`"),
        ("git.example.org:--upload-pack=x", "path starts with `-`"),
        # git would run programs for these
        ("ext::sh", "run programs"),
        ("ext::sh -c x", "space"),
        ("ext::sh%20-c%20x", "run programs"),
        ("EXT::x", "run programs"),
        ("fd::17", "run programs"),
        ("https::git.example.org/x", "run programs"),
        ("git@ext::x", "run programs"),
        ("::x", "run programs"),
        ("[::1]::x", "run programs"),
        ("ext::ssh://git.example.org/x", "run programs"),
        # this machine's own files
        ("file:///etc", r"`file` is not allowed here \(\[projects\] allow_git_protocols"),
        ("FILE:///etc", "`file` is not allowed here"),
        ("/srv/x.git", "neither a scheme"),
        ("./x", "neither a scheme"),
        ("../x", "neither a scheme"),
        ("~/x", "neither a scheme"),
        ("./a:b", "neither a scheme"),
        ("x", "neither a scheme"),
        (".", "neither a scheme"),
        # other protocols
        ("http://git.example.org/x", "`http` is not allowed here"),
        ("git://git.example.org/x", "only https and ssh"),
        ("ftp://git.example.org/x", "only https and ssh"),
        ("git+ssh://git.example.org/x", "only https and ssh"),
        ("javascript://x/y", "only https and ssh"),
        ("://x/y", "only https and ssh"),
        ("ssh:a://b", "host name"),
        # hosts and ports that are none
        ("https:///x", "host name"),
        ("https://git_example/x", "host name"),
        ("https://git.example.org%2fx/y", "host name"),
        ("https://git.exämple.org/x", "host name"),
        ("https://git。example.org/x", "host name"),
        ("https://[::1/x", "cannot be read"),
        ("https://[1:2]/x", "cannot be read"),
        ("https://[::1%25eth0]/x", "host name"),
        ("https://git.example.org:x/y", "cannot be read"),
        ("https://git.example.org:99999/y", "cannot be read"),
        ("https://git.example.org:-1/y", "cannot be read"),
        ("https://git.example.org:４４３/y", "cannot be read"),
        ("ssh://g;t@git.example.org/x", "user name"),
        ("ssh://a@b@git.example.org/x", "user name"),
        ("g$t@git.example.org:x", "user name"),
        ("[x]:y", "host name"),
        ("$(x):y", "host name"),
        # paths that are none, or lead elsewhere
        ("https://git.example.org", "no repository"),
        ("https://git.example.org/", "no repository"),
        ("https://git.example.org//", "no repository"),
        ("git@git.example.org:", "no repository"),
        ("git@git.example.org:/", "no repository"),
        ("git@git.example.org://x", "only https and ssh"),
        ("https://git.example.org/a/../b", r"holds `\.\.`"),
        ("https://git.example.org/..", r"holds `\.\.`"),
        ("https://git.example.org/a/%2e%2e/b", r"holds `\.\.`"),
        ("https://git.example.org/a/.%2E/b", r"holds `\.\.`"),
        ("https://git.example.org/a/%2e%2e%2fb", r"holds `\.\.`"),
        ("git@git.example.org:../x", r"holds `\.\.`"),
        ("git@git.example.org:a/..", r"holds `\.\.`"),
        ("https://git.example.org/x?service=y", "`[?]` or `#`"),
        ("https://git.example.org/x?", "`[?]` or `#`"),
        ("https://git.example.org/x#y", "`[?]` or `#`"),
    ],
)
def test_what_is_refused_and_why(text: str, told: str) -> None:
    with pytest.raises(UrlInvalid, match=told):
        parse(text)


@pytest.mark.parametrize(
    "bad", [" ", "\t", "\n", "\r", "\0", "\x1b", "\x7f", "\x85", "\u00a0", "\u2028", "\u202e", "\ud800"]
)
@pytest.mark.parametrize(
    "form", ["{}https://h.example/x", "https://h.example{}/x", "https://h.example/x{}", "g@h:x{}y"]
)
def test_spaces_and_control_characters_are_refused_wherever_they_stand(form: str, bad: str) -> None:
    with pytest.raises(UrlInvalid, match="space or a control character") as caught:
        parse(form.format(bad))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "https://me:hunter2@git.example.org/x",
        "https://hunter2@git.example.org/x",
        "https://hunter2:@git.example.org/x",
        "https://:hunter2@git.example.org/x",
        "https://hunter2:x-oauth-basic@git.example.org/x",
        "https://me:hunter2@git.example.org:99999/x",
        "https://me:hunter2@git.example.org/a/../b",
        "https://me:hunter2@[::1/x",
        "https://me:hunter2 @git.example.org/x",
        "https://me:hunter2@/x",
        "https://me:hunter2",
        "https://me:hunter2@git.example.org/" + "x" * 2000,
        "ssh://me:hunter2@git.example.org/x",
        "http://me:hunter2@git.example.org/x",
        "ftp://me:hunter2@git.example.org/x",
        "me:hunter2@git.example.org://x",
        "-https://me:hunter2@git.example.org/x",
        "https::me:hunter2@git.example.org/x",
        "hunter2://git.example.org/x",
        "https://git.example.org/x?private_token=hunter2",
        "https://git.example.org/x#hunter2",
    ],
)
def test_passwords_are_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(UrlInvalid) as caught:
        parse(text, ALL)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.fields)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("text", ["https://me:pw@git.example.org/x", "https://token@git.example.org/x"])
def test_who_gives_credentials_is_told_where_they_belong(text: str) -> None:
    with pytest.raises(UrlInvalid, match="`tugbot secrets set`"):
        parse(text)


def test_protocols_of_closed_networks_are_taken_where_they_are_allowed() -> None:
    assert parse("http://git.example.org:8080/x", ALL) == GitUrl("http", "git.example.org", "/x", port=8080)
    assert parse("file:///srv/git/x.git", ALL) == GitUrl("file", "", "/srv/git/x.git")
    with pytest.raises(UrlInvalid):
        parse("ext::x", (*ALL, "ext"))


@pytest.mark.parametrize(
    "text", ["file://elsewhere/x", "file:a://b", "file:///", "file:///srv/../etc", "file:///srv/x?y"]
)
def test_files_are_named_by_whole_paths_on_this_machine(text: str) -> None:
    with pytest.raises(UrlInvalid):
        parse(text, ALL)


# ---------------------------------------------------------------- branches


@pytest.mark.parametrize(
    "name",
    ["main", "v1.2.3", "feature/a-b", "a.b/c_d", "日本", "a@b", "fix#7", "a+b", "x" * 200, "a/-b", "lock", "a.lockb"],
)
def test_branches_and_tags_that_git_takes(name: str) -> None:
    assert check_branch(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-",
        "--upload-pack=x",
        "-b",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "a.",
        "a..b",
        "a/..",
        "a.lock",
        "a.lock/b",
        "a@{1}",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        "a\n",
        "a\nb",
        "a\0",
        "a\x7f",
        "a\u00a0b",
        "a\u202eb",
        "\ud800",
        "x" * 201,
    ],
)
def test_branches_that_git_would_refuse_or_take_for_something_else(name: str) -> None:
    with pytest.raises(UrlInvalid, match="branch"):
        check_branch(name)
