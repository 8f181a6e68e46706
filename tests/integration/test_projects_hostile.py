"""Repositories and messages made to do harm: nothing executes on the bot's machine, each gets a clear answer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.docker_world import Projects, final, listing

pytestmark = pytest.mark.integration

TRIPWIRE = "/tmp/tugbot-test-tripwire"


def git(cwd: Path, *words: str) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1", "GIT_ALLOW_PROTOCOL": "file"}
    who = ("-c", "user.name=Eve", "-c", "user.email=eve@example.org", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *who, *words], cwd=cwd, env=env, check=True, capture_output=True)


def hostile_repository(place: Path) -> Path:
    """Everything that a tree and its configuration can try at once."""
    other, work = place / "other", place / "hostile"
    for directory in (other, work):
        directory.mkdir()
        git(directory, "init", "-q", "-b", "main")
    (other / "x").write_text("x")
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "x")
    (work / "Cargo.toml").symlink_to("/etc/passwd")
    (work / ".devcontainer").mkdir()
    (work / ".devcontainer" / "devcontainer.json").write_text(
        '{"privileged": true, "runArgs": ["--privileged", "-v", "/:/host"], "mounts": ["source=/,target=/h"],\n'
        f'"initializeCommand": "touch {TRIPWIRE}", "postCreateCommand": "touch {TRIPWIRE} inside.txt",\n'
        '"remoteEnv": {"A": "${localEnv:HOME}", "GREETING": "hello"}, "forwardPorts": [3000, 99999999, "x"]}'
    )
    (work / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (work / "escape").symlink_to("../../../../../etc")
    (work / "-oops; touch x").write_text("a name")
    (work / "\x1b[2J\nnew\tline").write_text("another")
    git(work, "submodule", "--quiet", "add", str(other), "sub")
    (work / ".gitmodules").write_text(
        f'[submodule "sub"]\n\tpath = sub\n\turl = ext::sh -c touch% {TRIPWIRE}\n\tupdate = !touch {TRIPWIRE}\n'
    )
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", f"$(touch {TRIPWIRE}) `touch {TRIPWIRE}` \x1b[31mred")
    bare = place / "hostile.git"
    git(place, "clone", "-q", "--bare", str(work), str(bare))
    (bare / "hooks" / "post-checkout").write_text(f"#!/bin/sh\ntouch {TRIPWIRE}\n")
    (bare / "hooks" / "post-checkout").chmod(0o755)
    return bare


def arm(source: Path) -> None:
    """What an agent, or whoever got in, may write into the tree's own configuration."""
    with (source / ".git" / "config").open("a") as config:
        config.write(f"[core]\n\tfsmonitor = touch {TRIPWIRE}\n\tpager = touch {TRIPWIRE}\n\thooksPath = .evil\n")
        config.write(f'[filter "evil"]\n\tclean = touch {TRIPWIRE}\n\tsmudge = touch {TRIPWIRE}\n')
        config.write(f'[diff "evil"]\n\ttextconv = touch {TRIPWIRE}\n\tcommand = touch {TRIPWIRE}\n')
        config.write(f"[alias]\n\tstatus = !touch {TRIPWIRE}\n[include]\n\tpath = /etc/shadow\n")


def test_p12_a_hostile_repository_executes_nothing_here(projects: Projects) -> None:
    """Inside its containers a repository may do what it likes: that /tmp is theirs, and gone with them."""
    Path(TRIPWIRE).unlink(missing_ok=True)
    projects.projects = 'allow_git_protocols = ["file"]\n'
    source = projects.root / "evil"
    with projects.bot() as bot:
        # file:// means a path inside the throwaway container, where no path of ours is.
        bare = hostile_repository(projects.place)
        bot.send(f"new project evil --git file://{bare}", "1")
        assert "could not clone" in final(bot, 1)
        bot.send("new project evil", "2")
        assert "is ready" in final(bot, 2)
        # So the tree comes in as an agent could have made it.
        subprocess.run(["cp", "-r", f"{projects.place}/hostile/.", str(source)], check=True)
        arm(source)
        subprocess.run(["chown", "-R", "-h", "1000:1000", str(source)], check=True)
        bot.send("project evil", "3")
        bot.message("**evil** · base · running")
        bot.send("diff evil", "4")
        bot.wait(lambda said: said.get("kind") == "receipt" and "evil" not in said["text"][:20], 30)
        bot.send("rebuild evil", "5")
        final(bot, 3)
        bot.send("delete evil", "6")
        bot.message("Deleting **evil** would remove")
        bot.send("delete evil --confirm evil --purge-source", "7")
        assert "for 7 days" in final(bot, 4)
        assert bot.finish() == 1
    assert not Path(TRIPWIRE).exists()
    assert not source.exists()
    assert (projects.place / "hostile").exists()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("new project x --git ext::sh -c id", "does not take"),
        ("new project x --git 'ext::sh -c touch% /tmp/x'", "space or a control character"),
        ("new project x --git ext::sh", "transport helpers"),
        ("new project x --git --upload-pack=touch", "needs a value"),
        ("new project x --git=--upload-pack=touch", "starts with `-`"),
        ("new project x --git file:///etc", "is not allowed here"),
        ("new project x --git https://me:hunter2@git.example.org/x.git", "holds credentials"),
        ("new project x --git https://git.example.org/x.git --branch --upload-pack=x", "needs a value"),
        ("new project x --git https://git.example.org/x.git --branch=--upload-pack=x", "branch's name is not one"),
        ("new project ../../etc/x", "no name for a project"),
        (f"new project {'x' * 300}", "no name for a project"),
        ("new project none", "means something else"),
        ("new project x --path /etc/x", "not below"),
        ("new project x --stack cobol", "no stack `cobol`"),
        ("new project x --memory 1m", "--memory must be between"),
        ("new project x --privileged", "no option `--privileged`"),
    ],
)
def test_what_is_hostile_or_wrong_gets_a_clear_answer_and_makes_nothing(
    projects: Projects, words: str, answer: str
) -> None:
    before = listing()
    with projects.bot() as bot:
        bot.send(words, "1")
        said = bot.message(answer)["text"]
        assert "hunter2" not in said
        bot.send("projects", "2")
        bot.message("There are no projects yet")
        bot.finish()
    assert listing() == before
    assert not projects.root.exists() or not list(projects.root.iterdir())
    assert "hunter2" not in bot.stderr.decode()
