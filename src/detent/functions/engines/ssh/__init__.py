"""OpenSSH: the public keys in one user's authorized_keys.

* The server makes no keys, so the session does: an Ed25519 pair, whose public half becomes a line of that file. It has
  the options of the line in use, and its comment says which version of which secret it is of.
* A login is by the secret's one key: no agent, no other key, no password. The server must show a host key that the
  secret pins.
* Only lines with a key that a version names or a comment of ours are ever taken away, and never the last key.
"""

from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining
from detent.functions.engines.ssh.authorized_keys import blob_in
from detent.functions.engines.ssh.files import is_name, path_faults
from detent.functions.engines.ssh.login import logged_in
from detent.functions.engines.ssh.session import SshSession

_HOST_KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

FACTS: Final = Facts(
    names=("ssh", "openssh"),
    default_port=22,
    run_against=("OpenSSH 9.2",),
    example={
        "engine": "ssh",
        "host": "build.example.com",
        "username": "deploy",
        "fingerprint": "SHA256:…",
        "private_key": "-----BEGIN OPENSSH PRIVATE KEY-----\n…",
        "host_key": _HOST_KEY,
    },
    session=SshSession,
    keys={
        "fingerprint": "of the key in use, as ssh-keygen -l says it",
        "private_key": "the key in use, in OpenSSH's form or PEM, without a passphrase; new ones are Ed25519",
        "host_key": "the server's public host key, as ssh-keyscan says it, or a list of such",
        "authorized_keys": (
            "sshd's AuthorizedKeysFile for the user, %u its name; .ssh/authorized_keys where it is missing"
        ),
    },
    privileges={
        "issued-keys": Privileges(
            own=("chown {user}: ~{user}/.ssh ~{user}/.ssh/authorized_keys",),
            # What sshd trusts belongs to the user or to root, so who writes another's is root.
            admin=("useradd --non-unique --uid 0 --gid 0 {admin}",),
        ),
    },
    open_connections="Connections stay open; a key that was taken away opens no other one.",
    server_log="sshd writes down the fingerprint of each key that logs in; the private half never comes to it.",
    password_key="private_key",
    key_id="fingerprint",
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check the user's name, the pinned host keys and the path."""
    user, pinned = value.get("username", "x"), value.get("host_key")
    found = [] if is_name(user) else ['"username" must be the name of a user']
    lines = pinned if isinstance(pinned, list) else [pinned]
    if pinned is None:
        found.append('"host_key" is missing: what ssh-keyscan says of the host, once compared with the host itself')
    elif not lines or not all(isinstance(line, str) and blob_in(line) for line in lines):
        found.append('"host_key" must be a public key such as "ssh-ed25519 AAAA…", or a list of them')
    return found + path_faults(value.get("authorized_keys"))


def connect(login: Login, remaining: Remaining) -> SshSession:
    """Log in once by the key, within the remaining time."""
    return SshSession(logged_in(login, remaining))
