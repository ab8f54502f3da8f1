"""The function detent-ssh-issued-keys on a real sshd: what becomes of the file, of host keys and of odd logins."""

import json
import os
import re
import signal
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from detent.functions.abilities import Issued
from detent.functions.builtin import BUILTIN
from detent.functions.contract import StepFailed
from detent.functions.engines import ssh as engine
from detent.functions.engines.ssh.files import AuthorizedKeys
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from detent.functions.testing import SecretsSimulator
from detent.functions.values import login_of
from functions.stories import event, rotate
from servers.certificates import Certificates
from servers.ssh import SshTarget, fingerprint, new_pair, start_sshd
from servers.target import Target

FUNCTION = BUILTIN["detent-ssh-issued-keys"]
MARK = "0123456789abcdef/1b4e28ba-2fa1-11d2-883f-0016d3cca427"


@pytest.fixture
def sshd(server_of: Callable[[str], Target]) -> Target:
    return server_of("ssh")


@pytest.fixture
def value(sshd: SshTarget) -> dict[str, Any]:
    """A user's that may rotate itself."""
    made = sshd.new_value()
    sshd.let_rotate_itself(made["username"])
    return made


def opened(value: dict[str, Any], seconds: float = 30) -> Any:
    return engine.connect(login_of(value, engine), lambda: seconds)


def with_key(value: dict[str, Any], issued: Issued) -> dict[str, Any]:
    return {**value, "fingerprint": issued.id, "private_key": issued.secret.reveal()}


def other_line(sshd: SshTarget, options: str = "") -> str:
    return f"{options} {new_pair(sshd.folder)[1]} somebody's".strip()


# The file


def test_rotations_change_their_own_lines_and_nothing_else_of_the_file(sshd: SshTarget, value: dict[str, Any]) -> None:
    file = sshd.file(value["username"])
    (first,) = file.read_text().splitlines()
    options = 'from="127.0.0.1,::1",no-agent-forwarding,environment="A=b c"'
    foreign = ["# kept by hand", other_line(sshd, 'command="true",restrict'), "", "no key \t at all"]
    file.write_text(
        "\n".join([foreign[0], first.replace("no-agent-forwarding,no-X11-forwarding", options), *foreign[1:]])
    )
    file.chmod(0o640)
    owner = (file.stat().st_uid, file.stat().st_gid)
    client = SecretsSimulator()
    arn = client.create(value)
    for _ in range(3):
        token = rotate(arn, client, function=FUNCTION)
    lines = file.read_text().splitlines()
    assert lines[:4] == foreign
    previous, current = lines[4:]
    for line, label in ((previous, "AWSPREVIOUS"), (current, "AWSCURRENT")):
        assert line.startswith(f"{options} ssh-ed25519 ")
        assert sshd.alive(client.value(arn, label))
        assert fingerprint(line.removeprefix(options)) == client.value(arn, label)["fingerprint"]
        assert line.endswith(client.secrets[arn].labels[label])
    assert current.endswith(token)
    assert (file.stat().st_uid, file.stat().st_gid) == owner
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_openssh_itself_logs_in_by_a_key_that_was_made_here_and_not_by_one_taken_away(
    sshd: SshTarget, value: dict[str, Any]
) -> None:
    with closing(opened(value)) as session:
        made = with_key(value, session.issue_key(value["username"], MARK))
        assert sshd.runs(made)
        session.revoke_key(value["username"], value["fingerprint"])
    assert not sshd.runs(value)
    assert sshd.runs(made)


def test_the_last_key_is_never_taken_away(sshd: SshTarget, value: dict[str, Any]) -> None:
    user = value["username"]
    file = sshd.file(user)
    file.write_text(f"# a comment is no key\ncert-authority {new_pair(sshd.folder)[1]}\n{file.read_text()}")
    before = file.read_text()
    with closing(opened(value)) as session, pytest.raises(ChangeRefused, match="is the last key of"):
        session.revoke_key(user, value["fingerprint"])
    assert file.read_text() == before


def test_what_somebody_else_writes_meanwhile_is_not_lost(
    sshd: SshTarget, value: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, line, write = sshd.file(value["username"]), other_line(sshd), AuthorizedKeys._write
    written = []

    def late(self: AuthorizedKeys, *args: Any) -> None:
        write(self, *args)
        if not written:
            written.append(line)
            file.write_text(f"{file.read_text()}{line}\n")

    monkeypatch.setattr(AuthorizedKeys, "_write", late)
    with closing(opened(value)) as session:
        issued = session.issue_key(value["username"], MARK)
    assert line in file.read_text().splitlines()
    assert sshd.alive(with_key(value, issued))
    assert sshd.alive(value)
    assert len(sshd.keys_of(value["username"])) == 3


def test_a_file_that_never_rests_is_left_as_it_is(
    sshd: SshTarget, value: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, write = sshd.file(value["username"]), AuthorizedKeys._write

    def late(self: AuthorizedKeys, *args: Any) -> None:
        write(self, *args)
        file.write_text(f"{file.read_text()}# once more\n")

    monkeypatch.setattr(AuthorizedKeys, "_write", late)
    with closing(opened(value)) as session, pytest.raises(EngineUnavailable, match="being changed by somebody else"):
        session.issue_key(value["username"], MARK)
    assert sshd.keys_of(value["username"]) == {value["fingerprint"]}
    assert sshd.traces_of(value["username"]) == {}


def test_a_link_is_followed_to_its_file_and_stays_a_link(sshd: SshTarget, value: dict[str, Any]) -> None:
    file = sshd.file(value["username"])
    real = file.with_name("elsewhere")
    file.rename(real)
    file.symlink_to(real)
    with closing(opened(value)) as session:
        issued = session.issue_key(value["username"], MARK)
    assert file.is_symlink()
    assert sshd.alive(with_key(value, issued))


@pytest.mark.parametrize("path", ["{home}/.ssh/authorized_keys", "{top}/home/%u/.ssh/authorized_keys", "a%%b"])
def test_the_secret_may_say_where_the_file_is(sshd: SshTarget, value: dict[str, Any], path: str) -> None:
    file = sshd.file(value["username"])
    home = file.parent.parent
    if path == "a%%b":
        (home / "a%b").write_text(file.read_text())
        os.chown(home, sshd.uid(value["username"]), -1)
        os.chown(home / "a%b", sshd.uid(value["username"]), sshd.uid(value["username"]))
        file = home / "a%b"
    named = path.format(home=home, top=sshd.folder)
    with closing(opened({**value, "authorized_keys": named})) as session:
        session.issue_key(value["username"], MARK)
    assert MARK in file.read_text()


def test_a_file_that_is_not_there_is_told_with_the_key_that_names_it(value: dict[str, Any]) -> None:
    with (
        closing(opened({**value, "authorized_keys": "nowhere/keys"})) as session,
        pytest.raises(ChangeRefused) as caught,
    ):
        session.keys(value["username"])
    assert 'there is no nowhere/keys: it needs "authorized_keys" in' in str(caught.value)


def test_a_user_without_sftp_is_told_that_it_is_needed(sshd: SshTarget, value: dict[str, Any]) -> None:
    file = sshd.file(value["username"])
    file.write_text(f'command="true" {file.read_text()}'.replace('" no-agent', '",no-agent'))
    with closing(opened(value)) as session:
        session.ping()
        with pytest.raises(ChangeRefused, match="it needs SFTP"):
            session.keys(value["username"])


# Which options a new line gets


@contextmanager
def administered(sshd: SshTarget, value: dict[str, Any], **settings: Any) -> Iterator[Any]:
    admin = f"{value['username']}_admin"
    sshd.create_administrator(admin, "canary-admin", over=value["username"])
    with closing(opened(sshd.value(admin, "canary-admin", **settings))) as session:
        yield session


def test_an_administrator_gives_a_new_line_the_options_of_the_secrets_latest(sshd: SshTarget) -> None:
    value = sshd.new_value()
    user, file = value["username"], sshd.file(value["username"])
    with administered(sshd, value) as admin:
        admin.issue_key(user, "home/1")
        text = file.read_text().replace("detent home/1", "detent other/1")
        file.write_text(f"{text}{other_line(sshd, 'from=10.0.0.1')}\n{other_line(sshd, 'restrict')} \n")
        with pytest.raises(ChangeRefused, match=r"which options .* cannot be told from 4 lines"):
            admin.issue_key(user, "home/2")
        assert "home/2" not in file.read_text()
        admin.issue_key(user, "other/2")
    assert file.read_text().splitlines()[-1].startswith("no-agent-forwarding,no-X11-forwarding ssh-ed25519 ")


# Another user's file


def test_root_writes_only_where_nobody_else_could_lead_it_elsewhere(sshd: SshTarget, value: dict[str, Any]) -> None:
    user, file = value["username"], sshd.file(value["username"])
    before = file.read_text()
    with administered(sshd, value) as admin:
        with pytest.raises(ChangeRefused, match="can be changed by others than root"):
            admin.issue_key(user, MARK)
        os.chown(file.parent, 0, 0)
        os.chown(file, 0, 0)
        file.parent.chmod(0o777)
        with pytest.raises(ChangeRefused, match=rf"{file.parent} is a link or can be changed"):
            admin.issue_key(user, MARK)
        file.parent.chmod(0o755)
        real = file.parent.rename(file.parent.with_name("real"))
        file.parent.symlink_to(real)
        with pytest.raises(ChangeRefused, match=rf"{file.parent} is a link"):
            admin.issue_key(user, MARK)
        assert file.read_text() == before
        file.parent.unlink()
        real.rename(file.parent)
        admin.issue_key(user, MARK)
    assert MARK in file.read_text()


def test_an_administrator_must_be_told_where_others_files_are(sshd: SshTarget, value: dict[str, Any]) -> None:
    said = '"authorized_keys" as a whole path in the admin secret'
    with administered(sshd, value, authorized_keys=None) as admin, pytest.raises(ChangeRefused, match=said):
        admin.keys(value["username"])


# The host


def test_a_host_key_that_is_not_pinned_is_refused_before_the_user_shows_itself(
    sshd: SshTarget, value: dict[str, Any]
) -> None:
    stranger = new_pair(sshd.folder)[1]
    before = sshd.log_text().count(f"user {value['username']} ")
    unknown = f"ssh-unknown {b64encode(bytes([0, 0, 0, 11]) + b'ssh-unknown' + b'key').decode()}"
    for pinned in (stranger, [stranger], new_pair(sshd.folder, "-t", "ecdsa", "-N", "")[1], unknown):
        with pytest.raises(EngineUnavailable, match="host key is not the one that the secret pins") as caught:
            opened({**value, "host_key": pinned})
        assert caught.value.__context__ is None
    assert sshd.log_text().count(f"user {value['username']} ") == before
    opened({**value, "host_key": [stranger, f"build.example.com {sshd.host_key}"]}).close()


def test_of_several_host_keys_the_server_is_asked_for_one_that_is_pinned(certificates: Certificates) -> None:
    with ExitStack() as running:
        probe = start_sshd(running, certificates)
        private, public = new_pair(probe.folder, "-t", "rsa", "-b", "2048", "-N", "")
        file = Path(probe.folder, "rsa_key")
        file.write_text(private)
        file.chmod(0o600)
        both = start_sshd(running, certificates, f"HostKey={file}")
        for pinned in (public, both.host_key):
            opened({**both.new_value(), "host_key": pinned}).close()


# The login


@pytest.mark.parametrize("kind", [("-t", "rsa", "-b", "2048", "-m", "PEM"), ("-t", "ecdsa"), ("-t", "ed25519")])
def test_the_first_key_may_be_of_another_kind(sshd: SshTarget, value: dict[str, Any], kind: tuple[str, ...]) -> None:
    private, public = new_pair(sshd.folder, *kind, "-N", "")
    sshd.file(value["username"]).write_text(f"{public}\n")
    own = {**value, "private_key": private, "fingerprint": fingerprint(public)}
    client = SecretsSimulator()
    arn = client.create(own)
    rotate(arn, client, function=FUNCTION)
    assert client.value(arn)["private_key"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert sshd.alive(client.value(arn))


def test_a_key_that_the_secret_names_wrongly_is_no_login(sshd: SshTarget, value: dict[str, Any]) -> None:
    """By its name the key in use is spared: one wrongly named would be taken for an older one."""
    with pytest.raises(LoginRejected, match=f'is {re.escape(value["fingerprint"])}, which "fingerprint" does not say'):
        opened({**value, "fingerprint": "SHA256:another"})
    locked = new_pair(sshd.folder, "-t", "ed25519", "-N", "canary-passphrase")[0]
    with pytest.raises(LoginRejected, match="locked by a passphrase") as caught:
        opened({**value, "private_key": locked})
    assert caught.value.__context__ is None


def test_a_server_that_wants_more_than_the_key_or_no_key_blames_nobody(certificates: Certificates) -> None:
    for setting, said in (
        ("AuthenticationMethods=publickey,keyboard-interactive", "asks for more than the key: keyboard-interactive"),
        ("PubkeyAuthentication=no", "takes no public keys"),
        ("MaxAuthTries=0", "connection was lost before the login; with sshd's MaxAuthTries"),
    ):
        with ExitStack() as running:
            more = (setting, "KbdInteractiveAuthentication=yes")
            value = start_sshd(running, certificates, *more).new_value()
            with pytest.raises(EngineUnavailable, match=said):
                opened(value)


def test_a_server_that_falls_silent_is_given_up_in_time(sshd: SshTarget, value: dict[str, Any]) -> None:
    left = [30.0]
    session = engine.connect(login_of(value, engine), lambda: left[0])
    session.keys(value["username"])
    children = sshd.connections()
    for pid in children:
        os.kill(pid, signal.SIGSTOP)
    try:
        left[0] = 1.0
        begun = time.monotonic()
        with pytest.raises(EngineUnavailable, match="no answer in time"):
            session.keys(value["username"])
        assert time.monotonic() - begun < 3
        with pytest.raises(EngineUnavailable, match="connection was lost"):
            session.ping()
    finally:
        for pid in children:
            os.kill(pid, signal.SIGCONT)
        session.close()


ODD = [
    ({"host_key": None}, '"host_key" is missing'),
    ({"host_key": "AAAA"}, '"host_key" must be a public key'),
    ({"host_key": []}, '"host_key" must be a public key'),
    ({"host_key": ["ssh-ed25519 AAAA"]}, '"host_key" must be a public key'),
    ({"username": "../root"}, '"username" must be the name of a user'),
    ({"username": ".."}, '"username" must be the name of a user'),
    ({"authorized_keys": "%h/keys"}, '"authorized_keys" must be a path'),
    ({"authorized_keys": 1}, '"authorized_keys" must be a path'),
    ({"fingerprint": ""}, '"fingerprint" must be text'),
]


@pytest.mark.parametrize(("change", "said"), ODD)
def test_a_value_that_is_not_usable_says_why(change: dict[str, Any], said: str) -> None:
    client = SecretsSimulator()
    changed = {**engine.FACTS.example, **change}
    arn = client.create(json.dumps({key: part for key, part in changed.items() if part is not None}))
    with pytest.raises(StepFailed) as caught:
        FUNCTION.run(event("createSecret", arn, client.start_rotation(arn)), client, lambda: 30.0)
    assert said in str(caught.value)
