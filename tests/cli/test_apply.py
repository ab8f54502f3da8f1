"""`detent apply`: a file says who may do what, and a second run has nothing to do."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from cli.command import detent, refusal, success, surroundings
from cli.folders import copied, key_in
from cli.test_identities import environment
from detent.cli.applying import _run
from detent.cli.declaration import Declared, declared
from detent.cli.difference import difference
from detent.cli.failure import CommandFailed
from detent.cli.standing import standing
from detent.main.operating import Operator, operating
from detent.main.settings import Settings
from servers.canary import Canary
from servers.detent import running

ACCOUNT, THERE = "000000000000", "222222222222"


def policy(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def trusting(*names: str, account: str = ACCOUNT) -> str:
    principals = {"AWS": [f"arn:aws:iam::{account}:{name}" for name in names]}
    return policy(Principal=principals, Action="sts:AssumeRole")


READS = policy(Action="secretsmanager:GetSecretValue", Resource="*")
FULL = """
keys = ["alias/app"]

[policies.read-app.document]
Version = "2012-10-17"
Statement = [{ Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = "*" }]

[policies.beside]
file = "beside.json"

[policies.as-text]
document = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'

[users.ann]
tags = { team = "payments" }
policies = ["read-app", "beside"]

[users.bob]

[roles.app]
trust = 'TRUSTING'
max_session_seconds = 7200
policies = ["read-app"]

[roles.later]
trust = { file = "trust.json" }

[secrets."app/db"]
admin = "admin/db"

[[secrets."app/db".policy.Statement]]
Effect = "Allow"
Principal = { AWS = "arn:aws:iam::000000000000:role/app" }
Action = "secretsmanager:GetSecretValue"
Resource = "*"
""".replace("TRUSTING", trusting("role/later", "user/bob"))
TRUST = """{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
  "Principal": {"AWS": "arn:aws:iam::000000000000:role/app"}, "Action": "sts:AssumeRole"}}"""


@pytest.fixture
def file(tmp_path: Path, data: Path) -> Path:
    (tmp_path / "beside.json").write_text(READS)
    (tmp_path / "trust.json").write_text(TRUST)
    with operating(Settings(data)) as operator:
        for name in ("app/db", "admin/db"):
            operator.secrets.create_secret(Name=name, SecretString="{}")
    return written(tmp_path, FULL)


def written(folder: Path, text: str) -> Path:
    (folder / "access.toml").write_text(text)
    return folder / "access.toml"


def applied(data: Path, file: Path, *options: str) -> str:
    return success(detent("apply", file, "--yes", *options, "--data", data))


def test_all_that_is_declared_is_made_and_a_second_run_has_nothing_to_do(data: Path, file: Path) -> None:
    lines = applied(data, file).splitlines()
    assert [line for line in lines if line.startswith("+")] == [
        "+ policy read-app",
        "+ policy beside",
        "+ policy as-text",
        "+ user ann",
        "+ user bob",
        "+ role app",
        "+ role later",
        "+ resource policy app/db",
        "+ admin secret app/db",
        "+ key alias/app",
    ]
    assert lines[-1] == "Done: 10 changes."
    with operating(Settings(data)) as operator:
        assert operator.own.describe_user(UserName="ann")["PolicyNames"] == ["beside", "read-app"]
        role = operator.own.describe_role(RoleName="app")
        assert (role["MaxSessionSeconds"], role["PolicyNames"]) == (7200, ["read-app"])
        assert "role/later" in role["TrustPolicy"]
        assert operator.own.describe_role(RoleName="later")["TrustPolicy"] == TRUST
        assert [key["Alias"] for key in operator.own.list_keys()["Keys"]] == ["alias/app"]
        (link,) = operator.own.list_admin_secrets()["AdminSecrets"]
        assert link["AdminSecretARN"] == operator.secrets.describe_secret(SecretId="admin/db")["ARN"]
        assert "role/app" in operator.secrets.get_resource_policy(SecretId="app/db")["ResourcePolicy"]
    assert applied(data, file) == "Nothing to do.\n"
    assert success(detent("apply", file, "--data", data)) == "Nothing to do.\n"


def test_a_change_shows_the_members_that_differ_and_nothing_else(data: Path, file: Path, tmp_path: Path) -> None:
    applied(data, file)
    changed = (
        FULL.replace('team = "payments"', 'team = "billing"')
        .replace('policies = ["read-app", "beside"]', 'policies = ["beside", "as-text"]')
        .replace("max_session_seconds = 7200", "max_session_seconds = 3600")
    )
    (tmp_path / "beside.json").write_text(READS.replace("Allow", "Deny"))
    (tmp_path / "trust.json").write_text(json.dumps(json.loads(TRUST)))  # the same JSON, written otherwise
    lines = applied(data, written(tmp_path, changed)).splitlines()
    assert lines == [
        "~ policy beside",
        "    document:",
        '             "Action": "secretsmanager:GetSecretValue",',
        '      -      "Effect": "Allow",',
        '      +      "Effect": "Deny",',
        '             "Resource": "*"',
        "~ user ann",
        "    tags: -team=payments, +team=billing",
        "    policies: -read-app, +as-text",
        "~ role app",
        "    max_session_seconds: 7200 -> 3600",
        "Done: 3 changes.",
    ]
    with operating(Settings(data)) as operator:
        user = operator.own.describe_user(UserName="ann")
        assert user["PolicyNames"] == ["as-text", "beside"]
        assert user["Tags"] == [{"Key": "team", "Value": "billing"}]


LEFT = [
    "policy as-text",
    "policy read-app",
    "user ann",
    "role app",
    "role later",
    *("resource policy app/db", "admin secret app/db"),
]


def test_what_is_not_declared_is_left_and_told_until_it_is_pruned(data: Path, file: Path, tmp_path: Path) -> None:
    applied(data, file)
    less = written(tmp_path, '[users.bob]\n[secrets."app/db"]\n[policies.beside]\nfile = "beside.json"\n')
    assert applied(data, less).splitlines() == [
        f"Not in the file, and left (--prune deletes): {', '.join(LEFT)}.",
        "Nothing to do.",
    ]
    lines = applied(data, less, "--prune").splitlines()
    assert lines == [*(f"- {thing}" for thing in LEFT), "Done: 7 changes."]
    with operating(Settings(data)) as operator:
        assert [user["UserName"] for user in operator.own.list_users()["Users"]] == ["bob"]
        assert operator.own.list_roles()["Roles"] == []
        assert [one["PolicyName"] for one in operator.own.list_policies()["Policies"]] == ["beside"]
        assert "ResourcePolicy" not in operator.secrets.get_resource_policy(SecretId="app/db")
        assert operator.own.list_admin_secrets()["AdminSecrets"] == []
        assert len(operator.own.list_keys()["Keys"]) == 1  # a key stays: values may be sealed under it
    assert applied(data, less, "--prune") == "Nothing to do.\n"


def test_a_dry_run_only_shows_and_where_nobody_can_be_asked_nothing_is_done(data: Path, file: Path) -> None:
    shown = success(detent("apply", file, "--dry-run", "--data", data))
    assert "+ user ann" in shown
    assert "Done" not in shown
    unasked = detent("apply", file, "--data", data)
    assert (unasked.returncode, unasked.stdout) == (1, shown)
    assert unasked.stderr == (
        "detent: nothing was changed: here is nobody to ask: --yes agrees, --dry-run only shows\n"
    )
    assert success(detent("users", "list", "--data", data)) == "There are no users.\n"


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_on_a_terminal_it_asks(data: Path, file: Path, answer: str, code: int) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "detent.cli", "apply", str(file), "--data", str(data)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=surroundings(TERM="xterm")) as ran:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        seen = b"".join(iter(lambda: _read(ours), b"")).decode()
    os.close(ours)
    assert ran.returncode == code
    assert "Make these changes?" in seen
    assert ("Done: 10 changes." in seen) == (code == 0)
    assert ("detent: nothing was changed" in seen) == (code == 1)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux: the other side of a pseudo-terminal is closed
        return b""


WRONG = {
    "[users.ann]\npolices = []": "users.ann.polices: there is no such key here; there are policies, tags",
    "[user.ann]": "user: there is no such key here; there are keys, policies, roles, secrets, users",
    "[users]\nann = 1": "users.ann: must be a table",
    "users = 1": "users: must be a table",
    '[users."a b"]': "users.a b: 'a b' is no name of a user",
    "[users.ann]\ntags = { a = 1 }": "users.ann.tags.a: must be a text",
    '[users.ann]\npolicies = "p"': "users.ann.policies: must be a list of names",
    "[users.ann]\n[users.Ann]": "user Ann: ann differs from it in case alone",
    "[roles.r]": "roles.r: a role needs trust: who may assume it",
    '[roles.r]\ntrust = "no JSON"': "roles.r.trust: must be a table, a text with a JSON object, or { file = … }",
    "[roles.r]\ntrust = 1": "roles.r.trust: must be a table, a text with a JSON object, or { file = … }",
    '[roles.r]\ntrust = "{}"\nmax_session_seconds = true': (
        "roles.r.max_session_seconds: must be a whole number of seconds"
    ),
    "[policies.p]": "policies.p: a policy needs either document or file",
    "[policies.p]\ndocument = { a = 2026-01-01 }": "policies.p.document: holds what JSON has not, such as a date",
    "[policies.p]\nfile = 1": "policies.p.file: must be a path, as text",
    "[secrets.s]\nadmin = 1": "secrets.s.admin: must be a text",
    "[secrets.s]\nrotation = 30": "secrets.s.rotation: must be a text",
    "[secrets.s]\nrotation = 'postgres/no-such every 3d'": (
        "secrets.s.rotation: postgres has no strategy 'no-such'; it has alternating-users, single-user"
    ),
    "[secrets.s]\nrotation = 'postgres/single-user'": (
        "secrets.s.rotation: 'postgres/single-user' does not say when: add every 30d, or another schedule"
    ),
    'keys = ["app"]': "keys: 'app' is no name of a key",
    "keys = 1": "keys: must be a list of names",
    '[accounts."1".users.ann]': "accounts.1: an account has 12 digits",
    '[users.ann]\n[accounts."000000000000".users.bob]': (
        "accounts.000000000000: what stands outside accounts is of this very account: declare it in one place"
    ),
    "[users.ann": "not TOML: Expected ']' at the end of a table declaration (at end of document)",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_means_nothing_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(CommandFailed) as caught:
        declared(file, ACCOUNT)
    assert str(caught.value) == f"{file}: {WRONG[text]}"


def test_what_cannot_become_so_is_one_line(data: Path, tmp_path: Path) -> None:
    assert "cannot read" in refusal(detent("apply", tmp_path / "none.toml", "--data", data))
    for text, said in {
        '[users.ann]\npolicies = ["p"]': "user ann: there is no policy p: declare it too",
        "[secrets.none]\npolicy = '{}'": ("there is no secret none: create it first, this file holds no values"),
    }.items():
        assert refusal(detent("apply", written(tmp_path, text), "--yes", "--data", data)) == said
    file = written(tmp_path, f"[users.ann]\n[roles.r]\ntrust = '{trusting('user/x')}'\n")
    done = detent("apply", file, "--yes", "--data", data)
    assert done.returncode == 1
    assert done.stderr == (
        "detent: role r: This trust policy names a principal that does not exist here:"
        ' "arn:aws:iam::000000000000:user/x".'
        " (MalformedPolicyDocumentException); of 2 changes 1 were made: the same command goes on\n"
    )
    with operating(Settings(data)) as operator:
        operator.own.create_user(UserName="x")
    assert applied(data, file).splitlines()[0] == "+ role r"


def test_several_accounts_are_declared_together_on_a_data_folder(data: Path, tmp_path: Path, canary: Canary) -> None:
    trust = trusting("user/cid", account=THERE)
    file = written(tmp_path, f"[roles.app]\ntrust = '{trust}'\n[accounts.\"{THERE}\".users.cid]\n")
    made = [line for line in applied(data, file).splitlines() if line.startswith("+")]
    assert made == ["+ role app in account 000000000000", "+ user cid in account 222222222222"]
    assert "cid" in success(detent("users", "list", "--account", THERE, "--data", data))
    assert applied(data, file) == "Nothing to do.\n"
    (tmp_path / "other").mkdir()
    assert applied(data, written(tmp_path / "other", "[users.dan]"), "--account", THERE).splitlines()[0] == "+ user dan"
    key = key_in(success(detent("access-keys", "create", "--data", data)), canary)
    with running(data) as server:
        told = detent("apply", file, env=environment(server, key))
        assert refusal(told).startswith("accounts.222222222222: you call as account 000000000000: give --data DIR")


def test_over_http_it_is_the_callers_account(data: Path, tmp_path: Path, file: Path) -> None:
    with running(data) as server:
        caller = environment(server, server.credentials)
        assert success(detent("apply", file, "--yes", env=caller)).endswith("Done: 10 changes.\n")
        assert success(detent("apply", file, "--yes", env=caller)) == "Nothing to do.\n"
        other = written(tmp_path, "[users.dan]\n")
        assert "- role later" in success(detent("apply", other, "--yes", "--prune", env=caller))
        assert success(detent("apply", other, "--yes", "--prune", env=caller)) == "Nothing to do.\n"


NAMES = st.sampled_from(["a", "b", "c"])
DOCUMENTS = st.sampled_from([READS, READS.replace("Allow", "Deny"), READS.replace("Get", "Put")])
TAGS = st.dictionaries(st.sampled_from(["t", "u"]), st.sampled_from(["1", "2"]))


@st.composite
def files(draw: st.DrawFn) -> str:
    """Draw a file: policies, users that have some of them, roles that trust some users and roles, themselves too."""
    policies = draw(st.dictionaries(NAMES, DOCUMENTS))
    held = st.lists(st.sampled_from(sorted(policies)), unique=True) if policies else st.just([])
    users = draw(st.dictionaries(NAMES, st.tuples(TAGS, held)))
    roles = draw(st.sets(NAMES))
    known = [*(f"user/{name}" for name in users), *(f"role/{name}" for name in roles)]
    lines = [f"[policies.{name}]\ndocument = '{text}'" for name, text in policies.items()]
    lines += [_holder("users", name, *had) for name, had in users.items()]
    for name in sorted(roles):
        trust = trusting(*draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True)))
        seconds = draw(st.sampled_from(["", "max_session_seconds = 7200\n"]))
        lines.append(_holder("roles", name, draw(TAGS), draw(held)) + f"\ntrust = '{trust}'\n{seconds}")
    return "\n".join(lines)


def _holder(kind: str, name: str, tags: dict[str, str], policies: list[str]) -> str:
    inline = ", ".join(f'{key} = "{value}"' for key, value in tags.items())
    return f"[{kind}.{name}]\ntags = {{ {inline} }}\npolicies = {json.dumps(policies)}"


class Account:
    """An account on an open folder, to which files are applied."""

    def __init__(self, operator: Operator, file: Path) -> None:
        self.operator, self.file = operator, file

    def read(self, text: str) -> Declared:
        self.file.write_text(text)
        return declared(self.file, ACCOUNT)

    def stands(self) -> Declared:
        return standing(self.operator, ACCOUNT, {})

    def apply(self, text: str, *, prune: bool) -> int:
        """Apply a file; gives how many changes that took."""
        found = difference(self.read(text), self.stands(), prune=prune)
        _run(found, {ACCOUNT: self.operator})
        return len(found.changes)


@pytest.fixture(scope="module")
def account(used_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("applied")
    with operating(Settings(copied(used_once, folder))) as operator:
        yield Account(operator, folder / "access.toml")


STORES = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@STORES
@given(first=files(), second=files())
def test_whatever_was_there_a_pruned_file_is_what_is_there_and_twice_is_once(
    account: Account, first: str, second: str
) -> None:
    account.apply(first, prune=True)
    assert account.stands() == account.read(first)
    assert account.apply(first, prune=True) == 0
    account.apply(second, prune=True)
    assert account.stands() == account.read(second)


@STORES
@given(first=files(), second=files())
def test_without_pruning_what_only_the_first_file_names_stays(account: Account, first: str, second: str) -> None:
    account.apply("", prune=True)
    account.apply(first, prune=False)
    account.apply(second, prune=False)
    assert account.apply(second, prune=False) == 0
    assert account.stands() == {**account.read(first), **account.read(second)}
