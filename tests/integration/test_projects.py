"""From a chat line to a container that people, editors and agents share: the real bot on a real engine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import docker_world
from tests.bot_process import BotProcess
from tests.docker_world import SERVER, TOKEN, Projects, docker, final, inspect, listing
from tests.ordinary_user import python_for
from tests.stack_projects import SAMPLES, Sample

pytestmark = pytest.mark.integration

HTTPS = f"https://{SERVER}:8443"


@pytest.fixture
def served(projects: Projects, base: str, ca: docker_world.Authority) -> Iterator[Projects]:
    """A git server that this bot's containers reach, with a repository for each stack and a private one."""
    place = projects.place / "server"
    place.mkdir()
    for path in (ca.certificate, ca.key):
        (place / path.name).write_bytes(path.read_bytes())
    for name, sample in SAMPLES.items():
        docker_world.repository(place, name, sample.files)
    docker_world.repository(place, "private/harbour", {"README.md": "# harbour\n"})
    projects.data.mkdir(mode=0o700)
    (projects.data / "install").write_text("abcdef01\n")
    network = f"tugbot-{projects.install}"
    docker(
        *("network", "create", "--label", f"tugbot.install={projects.install}"),
        *("-o", "com.docker.network.bridge.enable_icc=false", network),
    )
    served = docker_world.Authority(ca.ca, place / ca.certificate.name, place / ca.key.name)
    with docker_world.git_server(place, served, base, network):
        yield projects


# ---------------------------------------------------------------- each stack


@pytest.mark.parametrize("stack", SAMPLES)
def test_a_repository_becomes_a_project_with_tools_editor_and_agent(served: Projects, stack: str) -> None:
    sample = SAMPLES[stack]
    with served.bot() as bot:
        bot.send(f"new project --git {HTTPS}/{stack}.git", "1")
        said = final(bot, 1)
        assert f"**{stack}** is ready" in said, said
        bot.send("hello there", "2")
        assert "You wrote: hello there" in final(bot, 2)
        bot.send(f"project {stack}", "3")
        shown = bot.message(f"**{stack}** · {stack} · running")["text"]
        assert "@ " in shown
        assert "no changes" in shown

        assert served.ssh(stack, "git log --format=%s").strip() == "Begin"
        assert sample.says in served.ssh(stack, sample.test)
        assert_language_server(served, stack, sample)
        served.ssh(stack, "echo changed >> new.txt")
        made = served.root / stack / "new.txt"
        assert made.read_text() == "changed\n"
        assert (made.stat().st_uid, made.stat().st_gid) == (1000, 1000)
        bot.send("diff", "4")
        assert "`new.txt`" in bot.message("New:")["text"]
        bot.send(f"delete {stack} --confirm {stack}", "5")
        assert "is deleted" in final(bot, 3)
        assert made.exists()
        assert bot.finish() == 0
    assert not docker("ps", "-aq", "--filter", f"label=tugbot.install={served.install}")
    assert not docker("volume", "ls", "-q", "--filter", f"label=tugbot.install={served.install}")
    assert not list((served.data / "projects").iterdir())


def assert_language_server(served: Projects, name: str, sample: Sample) -> None:
    if not sample.server:
        return
    body = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {"processId": None, "rootUri": "file:///workspace", "capabilities": {}},
        }
    )
    command = ["ssh", "-F", str(served.data / "ssh" / "config"), f"tug-{name}", *sample.server]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert server.stdin
        assert server.stdout
        server.stdin.write(f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        server.stdin.flush()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            length = 0
            while (line := server.stdout.readline().strip()) or not length:
                assert line or length, "the server ended"
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            message = json.loads(server.stdout.read(length))
            if message.get("id") == 1:
                assert "capabilities" in message["result"]
                return
        raise AssertionError("no answer to initialize")
    finally:
        server.kill()
        server.wait()
        for pipe in (server.stdin, server.stdout):
            if pipe:
                pipe.close()


# ---------------------------------------------------------------- private repositories


def test_a_private_repository_waits_for_its_token_and_leaves_no_trace_of_it(served: Projects) -> None:
    url = f"{HTTPS}/private/harbour.git"
    with served.bot() as bot:
        bot.send(f"new project --git {url}", "1")
        said = final(bot, 1)
        assert "tugbot secrets set harbour GIT_TOKEN" in said
        assert "retry 1" in said
        bot.send("status harbour", "2")
        bot.message("awaiting credentials")
        set_secret(served, "harbour", "GIT_TOKEN", TOKEN)
        bot.send("retry 1", "3")
        assert "**harbour** is ready" in final(bot, 2)
        # `push = "ask"`: people push from their shell; the agent has no login.
        served.ssh("harbour", "echo more >> README.md && git commit -qam More && git push -q origin HEAD")
        bot.send("secrets list harbour", "4")
        assert "GIT_TOKEN" in bot.message("`GIT_TOKEN`")["text"]
        bot.send("hello", "5")
        final(bot, 3)
        assert_no_trace(served, bot)
        bot.send("delete harbour --confirm harbour", "6")
        assert "is deleted" in final(bot, 4)
        assert bot.finish() == 1  # the clone that was refused
    assert TOKEN.encode() not in bot.stderr
    assert not (served.data / "secrets" / "project.harbour.json").exists()


def test_a_project_whose_login_nobody_gives_is_undone_in_time(served: Projects) -> None:
    served.projects = 'credentials_wait = "1s"\n'
    before = listing()
    with served.bot() as bot:
        bot.send(f"new project --git {HTTPS}/private/harbour.git", "1")
        assert "retry 1" in final(bot, 1)
        bot.message("Nobody gave", "`harbour`", patience=60)
        bot.send("projects", "2")
        bot.message("There are no projects yet")
        assert listing() == before
        assert not (served.root / "harbour").exists()
        # A host that nobody knows is refused at once: there is no login to wait for.
        bot.send("new project --git ssh://git@nowhere.invalid/x.git", "3")
        assert "host key of nowhere.invalid is not known" in final(bot, 2)
        assert bot.finish() == 1
    assert listing() == before


def set_secret(served: Projects, project: str, name: str, value: str) -> None:
    command = ["tugbot", "secrets", "set", project, name, "--data", str(served.data)]
    command[0] = str(docker_world.ROOT / ".venv" / "bin" / "tugbot")
    subprocess.run(command, input=value.encode(), check=True, cwd=served.place, capture_output=True)


def assert_no_trace(served: Projects, bot: BotProcess) -> None:
    """The token is in the file of secrets, in the one that is mounted for git, and nowhere else."""
    for container in docker("ps", "-aq", "--filter", f"label=tugbot.install={served.install}").split():
        assert TOKEN not in json.dumps(inspect(container))
        assert TOKEN not in docker("logs", container, check=False)
    for image in docker("images", "-q", "--filter", "reference=tugbot/*").split():
        assert TOKEN not in docker("history", "--no-trunc", image)
    for path in [*served.root.rglob("*"), *served.data.rglob("*")]:
        if path.is_file() and path.name not in ("project.harbour.json", "token"):
            assert TOKEN.encode() not in path.read_bytes(), path
    for proc in Path("/proc").iterdir():
        if proc.name.isdigit():
            for name in ("cmdline", "environ"):
                try:
                    content = (proc / name).read_bytes()
                except OSError:
                    continue
                # The server itself was given it to compare with.
                assert TOKEN.encode() not in content or b"git_server.py" in (proc / "cmdline").read_bytes(), proc
    assert TOKEN not in json.dumps(bot.said)


def test_an_ssh_repository_is_reached_with_a_key_of_the_projects_own(served: Projects) -> None:
    url = f"ssh://dev@{SERVER}:2222/repos/rust.git"
    keys = served.place / "server" / "server-keys"
    with served.bot() as bot:
        bot.send(f"new project --git {url} --stack python", "1")
        assert f"ssh-keyscan -p 2222 {SERVER} >> ~/.ssh/known_hosts" in final(bot, 1)
        pinned = served.place / ".ssh"
        pinned.mkdir()
        host = " ".join((keys / "host.pub").read_text().split()[:2])
        (pinned / "known_hosts").write_text(f"[{SERVER}]:2222 {host}\n")
        bot.send("retry", "2")
        said = final(bot, 2)
        assert "Let its host accept this key" in said
        public = next(part for part in said.split("`") if part.startswith("ssh-ed25519"))
        (keys / "authorized_keys").write_text(f"{public}\n")
        bot.send("retry 2", "3")
        assert "**rust** is ready" in final(bot, 3)
        served.ssh("rust", "git commit -q --allow-empty -m Pushed && git push -q origin HEAD")
        bot.send("project rust", "4")
        assert "push: works" in bot.message("**rust** · python · running")["text"]
        assert bot.finish() == 1


# ---------------------------------------------------------------- containment, read back from the kernel


GREEDY = "x = bytearray(900 << 20)"
FORKS = """
import os, signal
children = []
try:
    while len(children) < 3000:
        child = os.fork()
        if not child:
            signal.pause()
        children.append(child)
except OSError:
    print("stopped at", len(children))
for child in children:
    os.kill(child, signal.SIGKILL)
"""


def test_p12_what_runs_in_a_project_is_closed_in(projects: Projects) -> None:
    with projects.bot() as bot:
        bot.send("new project toy --cpus 1 --memory 512m", "1")
        assert "is ready" in final(bot, 1)
        status = projects.ssh("toy", "cat /proc/self/status; id -u; ls /var/run/docker.sock 2>&1; cat /proc/net/dev")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert {fields[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert fields["NoNewPrivs"].strip() == "1"
        assert fields["Seccomp"].strip() == "2"
        assert "No such file" in status
        assert "docker0" not in status
        container = inspect(f"tugbot-{projects.install}-toy")
        limits = container["HostConfig"]
        assert (limits["Memory"], limits["MemorySwap"], limits["NanoCpus"]) == (512 << 20, 512 << 20, 10**9)
        assert limits["PidsLimit"] >= 512
        assert not limits["Privileged"]
        assert limits["NetworkMode"] == f"tugbot-{projects.install}"
        (port,) = container["NetworkSettings"]["Ports"]["2222/tcp"]
        assert port["HostIp"] == "127.0.0.1"
        listeners = subprocess.run(
            ["ss", "-Hltn", f"sport = :{port['HostPort']}"], capture_output=True, text=True
        ).stdout
        assert [line.split()[3] for line in listeners.splitlines()] == [f"127.0.0.1:{port['HostPort']}"]
        # Limits are in force, not only asked for.
        assert "ended with 137" in projects.ssh("toy", f"python3 -c '{GREEDY}'; echo ended with $?")
        assert "stopped at" in projects.ssh("toy", f"timeout -s KILL 20 python3 -c '{FORKS}'", check=False)
        assert bot.finish() == 0


def test_what_editors_need_of_ssh(projects: Projects, tmp_path: Path) -> None:
    with projects.bot() as bot:
        bot.send("new project toy --stack python", "1")
        assert "is ready" in final(bot, 1)
        config = ("-F", str(projects.data / "ssh" / "config"))
        assert projects.ssh("toy", "pwd").strip() == "/workspace"
        assert "/usr/local/bin" in projects.ssh("toy", "bash -lc 'echo $PATH; command -v uv'")
        assert projects.ssh("toy", "umask").strip() in ("0022", "022")
        assert (
            "dev"
            in subprocess.run(
                ["ssh", "-tt", *config, "tug-toy", "tty; whoami"],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
            ).stdout
        )
        (tmp_path / "up.txt").write_text("up")
        subprocess.run(["scp", *config, str(tmp_path / "up.txt"), "tug-toy:"], check=True, capture_output=True)
        assert (projects.root / "toy" / "up.txt").read_text() == "up"
        sftp = subprocess.run(
            ["sftp", *config, "-b", "-", "tug-toy"], input=b"pwd\nls\n", capture_output=True, check=True
        )
        assert b"/workspace" in sftp.stdout
        # A server inside through -L, -D, and a unix socket.
        projects.ssh("toy", "nohup python3 -m http.server 8000 --bind 127.0.0.1 >/dev/null 2>&1 & sleep 0.5")
        socket = tmp_path / "sock"
        for forward, url in (
            (("-L", "127.0.0.1:28811:127.0.0.1:8000"), ("http://127.0.0.1:28811/up.txt",)),
            (("-D", "127.0.0.1:28812"), ("--socks5-hostname", "127.0.0.1:28812", "http://127.0.0.1:8000/up.txt")),
            (("-L", f"{socket}:127.0.0.1:8000"), ("--unix-socket", str(socket), "http://x/up.txt")),
        ):
            tunnel = subprocess.Popen(["ssh", "-N", *config, *forward, "tug-toy"])
            try:
                assert curl(*url) == "up"
            finally:
                tunnel.kill()
                tunnel.wait()
        # Refused: another host key, another key, root, a password.
        known = projects.data / "projects" / "toy" / "known_hosts"
        right = known.read_text()
        known.write_text(
            right.rpartition(" ")[0] + " AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
        )
        assert refused(*config, "tug-toy")
        known.write_text(right)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
        port = next(
            line.split()[1] for line in (projects.data / "ssh" / "config").read_text().splitlines() if "Port" in line
        )
        pinned = ("-F", "/dev/null", "-p", port, "-o", f"UserKnownHostsFile={known}", "-o", "IdentitiesOnly=yes")
        key = projects.data / "projects" / "toy" / "id_ed25519"
        assert refused(*pinned, "-i", str(tmp_path / "other"), "dev@127.0.0.1")
        assert refused(*pinned, "-i", str(key), "root@127.0.0.1")
        assert refused(*pinned, "-o", "PubkeyAuthentication=no", "dev@127.0.0.1")
        assert not refused(*pinned, "-i", str(key), "dev@127.0.0.1")
        assert bot.finish() == 0


def curl(*words: str) -> str:
    """What is there, as soon as somebody answers."""
    deadline = time.monotonic() + 30
    direct = {"PATH": os.environ["PATH"]}  # no proxy of this machine
    while True:
        said = subprocess.run(["curl", "-sS", *words], capture_output=True, text=True, timeout=60, env=direct)
        if said.returncode == 0:
            return said.stdout
        assert time.monotonic() < deadline, said.stderr
        time.sleep(0.1)


def refused(*words: str) -> bool:
    said = subprocess.run(["ssh", "-o", "BatchMode=yes", *words, "true"], capture_output=True, timeout=60)
    return said.returncode != 0


# ---------------------------------------------------------------- life


@pytest.fixture
def small_disk(projects: Projects) -> Iterator[Path]:
    """Where sources go, with room for hardly anything."""
    projects.root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=0755", "tmpfs", projects.root], check=True)
    try:
        yield projects.root
    finally:
        subprocess.run(["umount", "-l", projects.root], check=True)


def test_a_full_disk_ends_the_clone_in_words_and_leaves_nothing(small_disk: Path, served: Projects) -> None:
    server = served.place / "server"
    large = docker_world.repository(server, "large", {"large.txt": secrets.token_hex(1 << 20)})
    subprocess.run(["chown", "-R", "1000:1000", large], check=True)
    before = listing()
    with served.bot() as bot:
        bot.send(f"new project --git {HTTPS}/large.git", "1")
        assert "No space left on device" in final(bot, 1)
        assert listing() == before
        assert not list(small_disk.iterdir())
        bot.send("new project small", "2")
        assert "**small** is ready" in final(bot, 2)
        bot.send("delete small --confirm small", "3")
        assert "is deleted" in final(bot, 3)
        assert bot.finish() == 1


@pytest.mark.parametrize("uid", [1000, 1001])
def test_the_bot_of_an_ordinary_user_makes_projects_of_that_users(base: str, uid: int) -> None:
    """In the engine's group, as such a user is; what its agents write belongs to the user, not to root."""
    place = Path(tempfile.mkdtemp(prefix="tugbot-user-", dir="/var/tmp"))  # pytest's own is hidden from other users
    projects = Projects(place, more=WRITES)
    python, env = python_for(uid, place)
    os.chown(place, uid, uid)
    group = os.stat(docker("context", "inspect", "-f", "{{.Endpoints.docker.Host}}").removeprefix("unix://")).st_gid
    command = (python, "-m", "bot", "run")
    try:
        with projects.bot(command=command, env=env, uid=uid, groups=(group,)) as bot:
            bot.send("new project toy --agent writes", "1")
            assert "**toy** is ready" in final(bot, 1)
            bot.send("three lines", "2")
            final(bot, 2)
            written = projects.root / "toy" / "said.txt"
            assert (written.stat().st_uid, written.stat().st_gid) == (uid, uid)
            who = {"user": uid, "group": uid, "extra_groups": [], "cwd": place}
            assert projects.ssh("toy", "id -u; cat said.txt", **who).split() == [str(uid), "three", "lines"]
            bot.send("delete toy --confirm toy --purge-source", "3")
            assert "is deleted" in final(bot, 3)
            assert not written.exists()
            assert bot.finish() == 0
        assert not docker("ps", "-aq", "--filter", f"label=tugbot.install={projects.install}")
    finally:
        projects.remove_all()
        shutil.rmtree(place)


WRITES = """
[agents.writes]
backend = "command"
command = ["sh", "-c", "cat > said.txt"]
"""


def test_a_stop_in_the_middle_of_a_build_ends_it_and_leaves_nothing(projects: Projects) -> None:
    before = listing()
    slow = projects.place / "stacks" / "slow"
    slow.mkdir(parents=True)
    (slow / "markers").write_text("slow.txt\n")
    (slow / "Dockerfile.fragment").write_text(f"RUN sleep {LONG}\n")
    projects.projects = f'stacks_dir = "{slow.parent}"\n'
    with projects.bot() as bot:
        bot.send("new project toy --stack slow", "1")
        deadline = time.monotonic() + 60
        while not building():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        bot.send("a message for the project", "2")
        bot.send("stop", "3")
        said = bot.message("Stopped run 1", patience=60)["text"]
        assert "what it had made is removed" in said
        assert "1 message was waiting and was discarded" in said
        assert not building()
        bot.send("projects", "4")
        bot.message("There are no projects yet")
        bot.send("and this goes to the sandbox", "5")
        assert "You wrote: and this" in final(bot, 2)
        assert bot.finish() == 0
    assert listing() == before
    assert not (projects.root / "toy").exists()


LONG = 971  # seconds; told from everybody else's by the number


def building() -> bool:
    """Whether the engine is in the middle of the slow step."""
    return f"sleep {LONG}" in docker("ps", "--no-trunc", "--format", "{{.Command}}")


def test_what_is_said_while_a_project_is_made_goes_to_it_and_what_failed_goes_back(projects: Projects) -> None:
    with projects.bot() as bot:
        bot.send("new project first", "1")
        bot.send("for the first", "2")
        assert "**first** is ready" in final(bot, 1)
        assert "You wrote: for the first" in final(bot, 2)
        bot.send("new project Second", "3")
        assert "no name for a project" in final(bot, 3)
        bot.send("still for the first", "4")
        assert "You wrote: still" in final(bot, 4)
        bot.send("runs", "5")
        assert bot.message("| 4 |")["text"].count("demo in first") == 2
        bot.send("use none", "6")
        bot.send("for nobody", "7")
        final(bot, 5)
        bot.send("runs", "8")
        assert "| demo: for nobody" in bot.message("| 5 |")["text"]
        assert bot.finish() == 1


def test_a_container_that_is_removed_by_hand_is_told_and_made_again(projects: Projects) -> None:
    with projects.bot() as bot:
        bot.send("new project toy", "1")
        assert "is ready" in final(bot, 1)
        projects.ssh("toy", "echo kept > ~/mine")
        docker("rm", "-f", f"tugbot-{projects.install}-toy")
        bot.message("The container of project `toy` is gone", "project start toy")
        bot.send("hello", "2")
        assert "You wrote: hello" in final(bot, 2)
        assert projects.ssh("toy", "cat ~/mine").strip() == "kept"  # home, key, host key and port are the same
        docker("kill", f"tugbot-{projects.install}-toy")
        bot.message("The container of project `toy` has stopped")
        bot.send("project start toy", "3")
        bot.message("Project `toy` runs")
        bot.send("rebuild toy --stack python", "4")
        assert "rebuilt with python" in final(bot, 3)
        assert projects.ssh("toy", "cat ~/mine; uv --version").startswith("kept\nuv ")
        bot.send("project stop toy", "5")
        bot.message("is stopped; it starts again on use")
        bot.send("projects", "6")
        assert "| stopped |" in bot.message("| toy |")["text"]
        assert bot.finish() == 0


def test_a_bot_that_is_killed_with_projects_finds_them_again(projects: Projects) -> None:
    with projects.bot() as bot:
        bot.send("new project toy", "1")
        assert "is ready" in final(bot, 1)
        bot.send("spawn\nstubborn 600", "2")
        wait_for_run_container(projects)
        bot.process.kill()
    with projects.bot() as bot:
        bot.message("cut off", "retry 2")
        assert not run_containers(projects)
        assert "main" in projects.ssh("toy", "git symbolic-ref --short HEAD")
        bot.send("hello again", "3")
        assert "hello again" in final(bot, 3)
        assert bot.finish() == 0


def run_containers(projects: Projects) -> list[str]:
    ours = ("--filter", f"label=tugbot.install={projects.install}", "--filter", "label=tugbot.role=run")
    return docker("ps", "-aq", *ours).split()


def wait_for_run_container(projects: Projects) -> None:
    deadline = time.monotonic() + 30
    while not any("sleep" in docker("top", each, "-eo", "pid,args", check=False) for each in run_containers(projects)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
