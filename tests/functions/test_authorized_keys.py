"""The text of authorized_keys: what is a key there, and what a change leaves alone."""

import base64

import pytest

from detent.functions.engines.ssh.authorized_keys import (
    KeyLine,
    blob_in,
    comment_of,
    fingerprint_of,
    keys_in,
    with_line,
    without,
)


def blob(kind: str, name: str) -> str:
    return base64.b64encode(len(kind).to_bytes(4, "big") + kind.encode() + name.encode()).decode()


ED = "ssh-ed25519"
A, B = blob(ED, "key-a"), blob(ED, "key-b")
HARDWARE = blob("sk-ssh-ed25519@openssh.com", "key-h")
CERTIFIED = "ssh-ed25519-cert-v01@openssh.com"

LINES = [
    (f"{ED} {A}", ("", A, "")),
    (f"  \t{ED}\t{A} a comment, of words ", ("", A, "a comment, of words")),
    (f'from="10.0.0.0/8,*.x",command="run \\"a\\" x" {ED} {A} c', ("", A, "c")),
    (f'command="echo a b\tc" {ED} {A}', ("", A, "")),
    (f"restrict,pty {ED} {A} {ED} {B}", ("restrict,pty", A, f"{ED} {B}")),
    (f'command="cert-authority" {ED} {A}', ('command="cert-authority"', A, "")),
    (f"sk-ssh-ed25519@openssh.com {HARDWARE} token", ("", HARDWARE, "token")),
    (f"{ED} {A}\r", ("", A, "")),
    (f'odd=\\" {ED} {A}', ('odd=\\"', A, "")),  # OpenSSH: a saved quote begins nothing
]
NO_KEYS = [
    "",
    "# a comment",
    f"# {ED} {A}",
    f"cert-authority {ED} {A}",
    f'principals="a b",CERT-AUTHORITY {ED} {A}',
    f"{ED}",
    f"{ED} not*base64",
    f"ssh-rsa {A} says another kind than it is",
    f'command="never ends {ED} {A}',
    f'command="\\" {ED} {A}',  # OpenSSH: the quote is saved, so the command does not end
    f'command="two \\\\" {ED} {A}',  # OpenSSH: only the second backslash saves it, as if the first were not there
    f"{ED} {base64.b64encode(b'short').decode()}",
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_a_line_with_a_key_is_read_with_its_options_and_comment(line: str, expected: tuple[str, str, str]) -> None:
    (found,) = keys_in(line)
    options, key, comment = expected
    assert (found.blob, found.comment) == (key, comment)
    assert found.id == fingerprint_of(base64.b64decode(key))
    assert found.options == (options or line.partition(found.kind)[0].strip())


@pytest.mark.parametrize("line", NO_KEYS)
def test_a_line_that_lets_no_user_in_is_no_key_and_is_never_taken_away(line: str) -> None:
    assert keys_in(line) == []
    text = f"{line}\n{ED} {A}\n"
    assert without(text, fingerprint_of(base64.b64decode(A))) == f"{line}\n"


def test_whatever_else_stands_in_the_file_stays_to_the_byte() -> None:
    text = f"\n# one\r\n{ED} {A}\n\n \tfrom=x {ED} {B} \udcff odd\n# no end of line"
    added = with_line(text, KeyLine("from=x", ED, HARDWARE, comment_of("home/1 2\n3")))
    assert added == f"{text}\nfrom=x {ED} {HARDWARE} detent home/1-2-3\n"
    assert without(text, fingerprint_of(base64.b64decode(A))) == text.replace(f"{ED} {A}\n", "")
    assert without(text, "SHA256:none") == text


def test_only_our_own_comments_are_marks() -> None:
    text = "".join(f"{ED} {A} {comment}\n" for comment in ("detent home/1", "detention", "x detent home/1", "detent"))
    assert [line.mark for line in keys_in(text)] == ["home/1", None, None, None]


@pytest.mark.parametrize("text", [f"{ED} {A}", f"host,10.0.0.1 {ED} {A}", f"{ED} {A} root@host", f"@x [h]:22 {ED} {A}"])
def test_a_host_key_is_read_as_keyscan_known_hosts_and_pub_files_say_it(text: str) -> None:
    assert blob_in(text) == base64.b64decode(A)


@pytest.mark.parametrize("text", ["", A, f"ssh-rsa {A}", "ssh-ed25519 AAAA…", f"{ED}{A}"])
def test_what_is_no_public_key_is_none(text: str) -> None:
    assert blob_in(text) is None
