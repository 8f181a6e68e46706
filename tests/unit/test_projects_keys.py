"""Keys, pins and logins: private, whole, and the same after being written twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from bot.projects import gitaccess, sshconfig
from bot.projects.gitaccess import HostUnknown, KeyUnusable, host_lines, prepare
from bot.projects.giturl import GitUrl, parse
from bot.projects.install import InstallDamaged, install_id
from bot.projects.keys import KeyDirectory, make, put
from bot.projects.model import Owner

OURS = Owner(os.geteuid(), os.getegid())
SECRET = make().private.decode()
PORT = 20_007


@pytest.fixture
def keys(tmp_path: Path) -> KeyDirectory:
    return KeyDirectory(tmp_path / "data/projects/harbour")


def modes(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): path.stat().st_mode & 0o777 for path in [root, *root.rglob("*")]}


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def public_of(private: bytes) -> str:
    key = load_ssh_private_key(private, None)
    assert isinstance(key, Ed25519PrivateKey)
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + key.public_key().public_bytes_raw()
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


# ---------------------------------------------------------------- keys


def test_every_pair_is_another_and_belongs_together() -> None:
    one, other = make(), make()
    assert one.public != other.public
    assert public_of(one.private) == one.public
    assert one.private.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")


def test_keys_are_private(keys: KeyDirectory) -> None:
    keys.write(PORT, OURS)
    keys.write_deploy(OURS)
    assert modes(keys.root) == {
        ".": 0o700,
        "id_ed25519": 0o600,
        "id_ed25519.pub": 0o644,
        "known_hosts": 0o600,
        "container": 0o700,
        "container/authorized_keys": 0o644,
        "container/ssh_host_ed25519_key": 0o600,
        "container/ssh_host_ed25519_key.pub": 0o644,
        "git": 0o700,
        "git/deploy_ed25519": 0o600,
        "git/deploy_ed25519.pub": 0o644,
    }


def test_modes_hold_whatever_the_umask_is(keys: KeyDirectory) -> None:
    before = os.umask(0)
    try:
        keys.write(PORT, OURS)
        keys.write_deploy(OURS)
    finally:
        os.umask(before)
    assert {mode for path, mode in modes(keys.root).items() if not path.endswith((".pub", "authorized_keys"))} == {
        0o700,
        0o600,
    }


def test_keys_stay_when_they_are_written_again(keys: KeyDirectory) -> None:
    keys.write(PORT, OURS)
    deploy = keys.write_deploy(OURS)
    before = contents(keys.root)
    keys.write(PORT, OURS)
    assert keys.write_deploy(OURS) == deploy
    assert contents(keys.root) == before


def test_each_key_lies_where_its_counterpart_looks_for_it(keys: KeyDirectory) -> None:
    keys.write(PORT, OURS)
    deploy = keys.write_deploy(OURS)
    client = public_of(keys.client.read_bytes())
    host = public_of((keys.container / "ssh_host_ed25519_key").read_bytes())
    assert (keys.container / "authorized_keys").read_text() == f"{client} tugbot\n"
    assert keys.known_hosts.read_text() == f"[127.0.0.1]:{PORT} {host}\n"
    assert deploy == f"{public_of((keys.git / 'deploy_ed25519').read_bytes())} tugbot"
    assert len({client, host, deploy.removesuffix(" tugbot")}) == 3


def test_another_port_changes_the_pin_and_no_key(keys: KeyDirectory) -> None:
    keys.write(PORT, OURS)
    before = contents(keys.root)
    keys.write(PORT + 1, OURS)
    changed = {path for path, content in contents(keys.root).items() if content != before[path]}
    assert changed == {"known_hosts"}
    assert keys.known_hosts.read_text().startswith(f"[127.0.0.1]:{PORT + 1} ssh-ed25519 ")


def test_what_a_crash_left_half_is_made_whole(keys: KeyDirectory) -> None:
    keys.write(PORT, OURS)
    keys.client.unlink()  # written last
    (keys.container / "ssh_host_ed25519_key").unlink()
    (keys.container / ".authorized_keys.new").write_text("half")
    keys.write(PORT, OURS)
    assert public_of(keys.client.read_bytes()) in (keys.container / "authorized_keys").read_text()
    assert public_of((keys.container / "ssh_host_ed25519_key").read_bytes()) in keys.known_hosts.read_text()
    assert not list(keys.root.rglob(".*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_the_container_reads_belongs_to_its_user_and_the_clients_key_to_us(keys: KeyDirectory) -> None:
    keys.write(PORT, Owner(1234, 2345))
    keys.write_deploy(Owner(1234, 2345))
    theirs = {path for path in keys.root.rglob("*") if (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)}
    assert theirs == {
        path for path in keys.root.rglob("*") if path.relative_to(keys.root).parts[0] in ("container", "git")
    }


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")
def test_openssh_reads_the_keys(keys: KeyDirectory) -> None:
    keys.write(PORT, OURS)
    keys.write_deploy(OURS)
    for private in (keys.client, keys.container / "ssh_host_ed25519_key", keys.git / "deploy_ed25519"):
        told = subprocess.run(["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True)
        assert told.stdout.split()[:2] == private.with_name(f"{private.name}.pub").read_text().split()[:2]
    found = subprocess.run(
        ["ssh-keygen", "-F", f"[127.0.0.1]:{PORT}", "-f", keys.known_hosts], capture_output=True, text=True, check=True
    )
    assert "ssh-ed25519" in found.stdout


def test_a_file_is_replaced_and_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    (tmp_path / "key").symlink_to(victim)
    (tmp_path / ".key.new").symlink_to(victim)
    put(tmp_path / "key", b"ours", 0o600)
    assert victim.read_text() == "theirs"
    assert (tmp_path / "key").read_text() == "ours"
    assert not (tmp_path / "key").is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"victim", "key"}


# ---------------------------------------------------------------- ssh configuration


def test_a_host_of_the_configuration() -> None:
    keys = KeyDirectory(Path("/home/me/.tugbot/projects/harbour"))
    assert sshconfig.block("harbour", PORT, keys, (3000, 5432)) == (
        "Host tug-harbour\n"
        "    HostName 127.0.0.1\n"
        f"    Port {PORT}\n"
        "    User dev\n"
        "    IdentityFile /home/me/.tugbot/projects/harbour/id_ed25519\n"
        "    IdentitiesOnly yes\n"
        "    UserKnownHostsFile /home/me/.tugbot/projects/harbour/known_hosts\n"
        "    StrictHostKeyChecking yes\n"
        "    HostKeyAlgorithms ssh-ed25519\n"
        "    PasswordAuthentication no\n"
        "    ForwardAgent no\n"
        "    LocalForward 127.0.0.1:3000 127.0.0.1:3000\n"
        "    LocalForward 127.0.0.1:5432 127.0.0.1:5432\n"
    )


@pytest.mark.parametrize("folder", ["my files", "it's", "a#b", "50%", "tab\there"])
def test_paths_that_need_it_are_quoted(folder: str) -> None:
    text = sshconfig.block("harbour", PORT, KeyDirectory(Path("/srv", folder)))
    shown = folder.replace("%", "%%")
    quote = "" if folder == "50%" else '"'
    assert f"    IdentityFile {quote}/srv/{shown}/id_ed25519{quote}\n" in text
    assert f"    UserKnownHostsFile {quote}/srv/{shown}/known_hosts{quote}\n" in text


@pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no ssh")
@pytest.mark.parametrize("folder", ["plain", "my files", "it's", "a#b"])
def test_ssh_finds_a_project_through_the_users_configuration(tmp_path: Path, folder: str) -> None:
    generated, config = tmp_path / folder / "ssh/config", tmp_path / "user/config"
    keys = KeyDirectory(tmp_path / folder / "projects/harbour")
    config.parent.mkdir()
    config.write_text("Host *\n    Port 22\n    ForwardAgent yes\n")
    sshconfig.write(
        generated, [sshconfig.block("other", 20_001, keys), sshconfig.block("harbour", PORT, keys, (3000,))]
    )
    assert sshconfig.setup(config, generated)
    told = subprocess.run(["ssh", "-G", "-F", config, "tug-harbour"], capture_output=True, text=True, check=True)
    lines = told.stdout.splitlines()
    assert {
        "hostname 127.0.0.1",
        f"port {PORT}",
        "user dev",
        f"identityfile {keys.client}",
        f"userknownhostsfile {keys.known_hosts}",
        "stricthostkeychecking true",
        "forwardagent no",
        "localforward [127.0.0.1]:3000 [127.0.0.1]:3000",
    } <= set(lines)


def test_the_generated_file_is_private_whole_and_says_whose_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ssh/config"
    sshconfig.write(path, ["Host a\n", "Host b\n"])
    sshconfig.write(path, ["Host c\n"])
    assert path.read_text() == "# Made by Tugbot; changes are lost.\n\nHost c\n"
    assert modes(path.parent) == {".": 0o700, "config": 0o600}


def test_the_include_is_put_at_the_front_once(tmp_path: Path) -> None:
    config, generated = tmp_path / "config", tmp_path / "data/ssh/config"
    config.write_text("Host *\n    Compression yes\n")
    config.chmod(0o640)
    assert not sshconfig.is_set_up(config, generated)
    assert sshconfig.setup(config, generated) is True
    assert sshconfig.setup(config, generated) is False
    assert sshconfig.is_set_up(config, generated)
    assert config.read_text() == f"Include {generated}\n\nHost *\n    Compression yes\n"
    assert config.stat().st_mode & 0o777 == 0o640


def test_a_configuration_that_is_a_link_stays_one(tmp_path: Path) -> None:
    dotfiles, config = tmp_path / "dotfiles/ssh_config", tmp_path / ".ssh/config"
    dotfiles.parent.mkdir()
    dotfiles.write_text("Host x\n")
    dotfiles.chmod(0o644)
    config.parent.mkdir()
    config.symlink_to("../dotfiles/ssh_config")
    assert sshconfig.setup(config, tmp_path / "generated")
    assert config.is_symlink()
    assert dotfiles.read_text() == f"Include {tmp_path / 'generated'}\n\nHost x\n"
    assert dotfiles.stat().st_mode & 0o777 == 0o644


def test_who_has_no_configuration_gets_a_private_one(tmp_path: Path) -> None:
    config = tmp_path / ".ssh/config"
    assert sshconfig.setup(config, Path("/srv/my files/config"))
    assert config.read_text() == 'Include "/srv/my files/config"\n'
    assert modes(config.parent) == {".": 0o700, "config": 0o600}


def test_whatever_else_is_in_a_configuration_stays_byte_for_byte(tmp_path: Path) -> None:
    config = tmp_path / "config"
    before = b"# caf\xe9\r\nHost x\r\n\tPort 7\n# Include /elsewhere\n"
    config.write_bytes(before)
    assert sshconfig.setup(config, tmp_path / "generated")
    assert config.read_bytes() == f"Include {tmp_path / 'generated'}\n\n".encode() + before
    assert sshconfig.setup(config, tmp_path / "generated") is False


def test_editors_are_given_the_name_that_ssh_knows() -> None:
    links = dict(sshconfig.editor_links("harbour"))
    assert links["VS Code"] == "vscode://vscode-remote/ssh-remote+tug-harbour/workspace"
    assert all("tug-harbour" in link for link in links.values())


# ---------------------------------------------------------------- known hosts


def hashed(name: str, salt: bytes = b"s" * 20) -> str:
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


PLAIN, PORTED, SIX = parse("git@h.example:x"), parse("ssh://git@h.example:2222/x"), parse("ssh://[::1]:2222/x")


@pytest.mark.parametrize(
    ("url", "line", "found"),
    [
        (PLAIN, "h.example ssh-ed25519 AAAA", ["h.example ssh-ed25519 AAAA"]),
        (PLAIN, "h.example ssh-ed25519 AAAA a comment", ["h.example ssh-ed25519 AAAA"]),
        (PLAIN, "  h.example\tssh-rsa  BBBB\r", ["h.example ssh-rsa BBBB"]),
        (PLAIN, "x.example,h.example,192.0.2.7 ssh-ed25519 AAAA", ["h.example ssh-ed25519 AAAA"]),
        (PLAIN, f"{hashed('h.example')} ssh-ed25519 AAAA", ["h.example ssh-ed25519 AAAA"]),
        (PLAIN, f"{hashed('x.example')} ssh-ed25519 AAAA", []),
        (PLAIN, "[h.example]:2222 ssh-ed25519 AAAA", []),
        (PLAIN, "xh.example ssh-ed25519 AAAA", []),
        (PLAIN, "h.example.evil ssh-ed25519 AAAA", []),
        (PLAIN, "* ssh-ed25519 AAAA", []),
        (PLAIN, "*.example ssh-ed25519 AAAA", []),
        (PLAIN, "# h.example ssh-ed25519 AAAA", []),
        (PLAIN, "#h.example ssh-ed25519 AAAA", []),
        (PLAIN, "@revoked h.example ssh-ed25519 AAAA", []),
        (PLAIN, "@cert-authority *.example ssh-ed25519 AAAA", []),
        (PLAIN, "h.example ssh-ed25519", []),
        (PLAIN, "", []),
        (PLAIN, "|1|x|y ssh-ed25519 AAAA", []),
        (PLAIN, "|1|!!!! ssh-ed25519 AAAA", []),
        (PLAIN, "|1|ä|ä ssh-ed25519 AAAA", []),
        (PLAIN, "|1||| ssh-ed25519 AAAA", []),
        (parse("git@H.Example:x"), "h.example ssh-ed25519 AAAA", ["h.example ssh-ed25519 AAAA"]),
        (parse("git@H.Example:x"), f"{hashed('h.example')} ssh-ed25519 AAAA", ["h.example ssh-ed25519 AAAA"]),
        (PLAIN, "H.Example ssh-ed25519 AAAA", ["h.example ssh-ed25519 AAAA"]),
        (PORTED, "[h.example]:2222 ssh-ed25519 AAAA", ["[h.example]:2222 ssh-ed25519 AAAA"]),
        (PORTED, f"{hashed('[h.example]:2222')} ssh-ed25519 AAAA", ["[h.example]:2222 ssh-ed25519 AAAA"]),
        (PORTED, "h.example ssh-ed25519 AAAA", []),
        (parse("ssh://h.example:22/x"), "h.example ssh-ed25519 AAAA", ["h.example ssh-ed25519 AAAA"]),
        (SIX, "[::1]:2222 ssh-ed25519 AAAA", ["[::1]:2222 ssh-ed25519 AAAA"]),
        (parse("git@[::1]:x"), "::1 ssh-ed25519 AAAA", ["::1 ssh-ed25519 AAAA"]),
    ],
)
def test_the_lines_about_a_host(tmp_path: Path, url: GitUrl, line: str, found: list[str]) -> None:
    path = tmp_path / "known_hosts"
    path.write_bytes(line.encode() + b"\n\xff\xfe broken\n")
    assert host_lines(url, [path]) == found


@pytest.mark.parametrize("host", ["h.example", "*", "other.example"])
def test_a_key_that_somebody_revoked_is_never_pinned(tmp_path: Path, host: str) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"h.example ssh-ed25519 AAAA\nh.example ssh-rsa BBBB\n@revoked {host} ssh-ed25519 AAAA\n")
    assert host_lines(PLAIN, [path]) == ["h.example ssh-rsa BBBB"]


def test_all_keys_of_a_host_from_all_files_each_once(tmp_path: Path) -> None:
    one, other = tmp_path / "1", tmp_path / "2"
    one.write_text(f"h.example ssh-ed25519 AAAA\n{hashed('h.example')} ssh-ed25519 AAAA x\n")
    other.write_text("h.example ssh-rsa BBBB\nh.example ssh-ed25519 AAAA\n")
    files = [one, tmp_path / "missing", tmp_path, other]
    assert host_lines(PLAIN, files) == ["h.example ssh-ed25519 AAAA", "h.example ssh-rsa BBBB"]


# ---------------------------------------------------------------- logins of repositories


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    path = tmp_path / "known_hosts"
    path.write_text("h.example ssh-ed25519 AAAA\n")
    return path


def prepared(
    keys: KeyDirectory, known_hosts: Path, secrets: Mapping[str, str] = {}, url: str = "git@h.example:x"
) -> Path:
    return prepare(keys, parse(url, ("https", "ssh", "http")), OURS, secrets, [known_hosts], "harbour")


def identity(directory: Path) -> Path:
    """The file that ssh is told to prove itself with."""
    words = (directory / "ssh_config").read_text().split()
    return directory / Path(words[words.index("IdentityFile") + 1]).name


def test_an_ssh_login_is_a_key_of_its_own_and_pinned_hosts(keys: KeyDirectory, known_hosts: Path) -> None:
    directory = prepared(keys, known_hosts)
    assert directory == keys.git
    assert (directory / "known_hosts").read_text() == "h.example ssh-ed25519 AAAA\n"
    assert f"{public_of(identity(directory).read_bytes())} tugbot\n" == keys.deploy_public.read_text()
    config = (directory / "ssh_config").read_text()
    assert "StrictHostKeyChecking yes" in config
    assert "UserKnownHostsFile /etc/tugbot/git/known_hosts" in config
    assert not (directory / "token").exists()


def test_a_login_prepared_again_keeps_its_key(keys: KeyDirectory, known_hosts: Path) -> None:
    before = contents(prepared(keys, known_hosts))
    assert contents(prepared(keys, known_hosts)) == before


def test_an_unknown_host_is_refused_with_the_line_that_makes_it_known(keys: KeyDirectory, known_hosts: Path) -> None:
    with pytest.raises(HostUnknown, match=r"`ssh-keyscan x.example >> ~/.ssh/known_hosts`"):
        prepared(keys, known_hosts, url="git@x.example:x")
    with pytest.raises(HostUnknown, match=r"`ssh-keyscan -p 2222 h.example >> "):
        prepared(keys, known_hosts, url="ssh://h.example:2222/x")
    with pytest.raises(HostUnknown, match=r"`ssh-keyscan -p 2222 ::1 >> "):
        prepared(keys, known_hosts, url="ssh://[::1]:2222/x")


@pytest.mark.parametrize("ending", ["", "\n", "\n\n  "])
def test_a_key_is_named_by_its_content(keys: KeyDirectory, known_hosts: Path, ending: str) -> None:
    directory = prepared(keys, known_hosts, {"GIT_SSH_KEY": SECRET.strip() + ending})
    assert identity(directory).read_text() == SECRET.strip() + "\n"
    assert identity(directory).stat().st_mode & 0o777 == 0o400


def test_a_key_is_named_by_its_path(keys: KeyDirectory, known_hosts: Path, tmp_path: Path) -> None:
    path = tmp_path / "my key"
    path.write_text(SECRET)
    directory = prepared(keys, known_hosts, {"GIT_SSH_KEY": f" {path}\n"})
    assert identity(directory).read_text() == SECRET


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")
def test_ssh_offers_the_named_key_and_not_the_public_half_of_another(keys: KeyDirectory, known_hosts: Path) -> None:
    """OpenSSH believes `<key>.pub` before the key itself (authfile.c, sshkey_load_public), ssh-keygen -l as well."""
    named = make()
    directory = prepared(keys, known_hosts, {"GIT_SSH_KEY": named.private.decode()})
    told = subprocess.run(["ssh-keygen", "-lf", identity(directory)], capture_output=True, text=True, check=True)
    digest = hashlib.sha256(base64.b64decode(named.public.split()[1])).digest()
    assert base64.b64encode(digest).decode().rstrip("=") in told.stdout


def test_a_key_that_is_no_longer_named_is_gone_and_the_projects_own_is_back(
    keys: KeyDirectory, known_hosts: Path
) -> None:
    own = identity(prepared(keys, known_hosts)).read_bytes()
    prepared(keys, known_hosts, {"GIT_SSH_KEY": SECRET})
    directory = prepared(keys, known_hosts)
    assert identity(directory).read_bytes() == own
    assert SECRET.strip().encode() not in b"".join(contents(directory).values())
    assert f"{public_of(own)} tugbot\n" == keys.deploy_public.read_text()


@pytest.mark.parametrize(
    "value",
    [
        "hunter2",
        "/nowhere/hunter2",
        "~nobody-of-that-name/hunter2",
        "/",
        "hunter2\0",
        "hunter2" * 1000,
        "hunter2\ud800",
        "-----BEGIN PUBLIC KEY-----\nhunter2",
        pytest.__file__,
    ],
    ids=lambda value: repr(value[:12]),
)
def test_what_is_no_key_is_refused_and_not_repeated(keys: KeyDirectory, known_hosts: Path, value: str) -> None:
    with pytest.raises(KeyUnusable, match="GIT_SSH_KEY of project harbour") as caught:
        prepared(keys, known_hosts, {"GIT_SSH_KEY": value})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://h.example/x", "http://h.example/x"])
def test_an_https_login_is_a_token_that_only_git_can_read(keys: KeyDirectory, known_hosts: Path, url: str) -> None:
    directory = prepared(keys, known_hosts, {"GIT_TOKEN": "hunter2"}, url)
    assert (directory / "token").read_text() == "hunter2\n"
    assert (directory / "token").stat().st_mode & 0o777 == 0o400
    assert [path for path, content in contents(keys.root).items() if b"hunter2" in content] == ["git/token"]


def test_a_token_that_was_forgotten_is_gone(keys: KeyDirectory, known_hosts: Path) -> None:
    prepared(keys, known_hosts, {"GIT_TOKEN": "hunter2"}, "https://h.example/x")
    directory = prepared(keys, known_hosts, {}, "https://h.example/x")
    assert (directory / "token").read_text() == "\n"
    assert directory.stat().st_mode & 0o777 == 0o700


def test_forgetting_removes_every_key_and_may_be_done_twice(keys: KeyDirectory, known_hosts: Path) -> None:
    keys.write(PORT, OURS)
    prepared(keys, known_hosts)
    gitaccess.forget(keys)
    assert not keys.root.exists()
    gitaccess.forget(keys)


# ---------------------------------------------------------------- the installation's id


def test_an_installation_has_one_id_for_ever(tmp_path: Path) -> None:
    first = install_id(tmp_path)
    assert len(first) == 8
    assert int(first, 16) >= 0
    assert install_id(tmp_path) == first
    assert modes(tmp_path)["install"] == 0o600
    (tmp_path / "other").mkdir()
    assert install_id(tmp_path / "other") != first


@pytest.mark.parametrize("text", ["", "1234567", "123456789", "ABCDEF12", "1234 678", "12345678\n\n", "../../ab"])
def test_a_damaged_id_is_never_replaced_by_another(tmp_path: Path, text: str) -> None:
    (tmp_path / "install").write_text(text)
    with pytest.raises(InstallDamaged, match="eight hexadecimal digits"):
        install_id(tmp_path)
    assert (tmp_path / "install").read_text() == text


ASKPASS = Path(__file__).parents[2] / "docker" / "base" / "lib" / "askpass"


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("Username for 'https://git.example.org:8443': ", True),
        ("Password for 'https://x-access-token@git.example.org:8443': ", True),
        ("Password for 'https://x-access-token@evil.example': ", False),
        ("Password for 'https://git.example.org:8443@evil.example': ", False),
        ("Password for 'https://a@git.example.org:8443': @evil.example': ", False),
        ("Password for 'https://git.example.org': ", False),
        ("Password for 'https://notgit.example.org:8443': ", False),
        ("", False),
    ],
)
def test_a_token_is_told_to_the_projects_own_host_alone(tmp_path: Path, prompt: str, told: bool) -> None:
    """A submodule, or whoever writes a tree's configuration, can make git ask for any host."""
    script = tmp_path / "askpass"
    script.write_text(ASKPASS.read_text().replace("/etc/tugbot/git", str(tmp_path)))
    (tmp_path / "host").write_text("git.example.org:8443\n")
    (tmp_path / "token").write_text("secret\n")
    said = subprocess.run(["sh", str(script), prompt], capture_output=True, text=True)
    assert (said.returncode == 0, bool(said.stdout)) == (told, told)
