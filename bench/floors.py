"""What each rotation cannot do without, by the bare driver: the same logins, one statement for each thing done."""

import base64
import hashlib
import http.client
import json
import secrets
import socket
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any

import botocore.session
import ldap3
import paramiko
import psycopg
import pymysql
import redis
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import sql

from detent.functions.engines.ldap.hashes import is_of, stored_form
from detent.functions.engines.mariadb.accounts import digest_of
from detent.functions.engines.postgres.clones import privileges_of
from detent.functions.passwords import Password
from detent.functions.tls import context_for

IAM = botocore.session.Session()

Value = Mapping[str, Any]
Work = Callable[[Value, Any], dict[str, Any]]  # takes the value of now and the admin's, gives the new one


def new_password() -> str:
    """Make one of a rotation's length."""
    return secrets.token_urlsafe(24)


def other(user: str) -> str:
    """Name the pair's other user."""
    return user.removesuffix("_clone") if user.endswith("_clone") else f"{user}_clone"


# PostgreSQL


def postgres(value: Value) -> "psycopg.Connection[Any]":
    """Log in."""
    return psycopg.connect(
        host=value["host"],
        port=value["port"],
        user=value["username"],
        password=value["password"],
        dbname="postgres",
        sslmode=value.get("sslmode", "prefer"),
        autocommit=True,
    )


def alter_role(connection: "psycopg.Connection[Any]", statement: str, user: str, password: str) -> None:
    """Run a statement on a role and its password, which the client hashes, as it must."""
    verifier = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL(statement).format(sql.Identifier(user), sql.Literal(verifier)))


def postgres_single(value: Value, _admin: Value | None) -> dict[str, Any]:
    """Log in, change, log in, one statement."""
    new = {**value, "password": new_password()}
    with postgres(value) as connection:
        alter_role(connection, "ALTER ROLE {} PASSWORD {}", value["username"], new["password"])
    with postgres(new) as connection:
        connection.execute("SELECT 1")
    return new


def postgres_alternating(value: Value, admin: Value) -> dict[str, Any]:
    """Log in as current; as admin, look and change; log in as the other; ask both for what they may do."""
    new = {**value, "username": other(value["username"]), "password": new_password()}
    postgres(value).close()
    with postgres(admin) as connection, connection.transaction():
        found = connection.execute("SELECT oid FROM pg_roles WHERE rolname = %s", [new["username"]]).fetchone()
        alter_role(
            connection,
            f"{'ALTER' if found else 'CREATE'} ROLE {{}} LOGIN PASSWORD {{}}",
            new["username"],
            new["password"],
        )
        if not found:
            pair = sql.Identifier(value["username"]), sql.Identifier(new["username"])
            connection.execute(sql.SQL("GRANT {} TO {}").format(*pair))
            connection.execute(sql.SQL("ALTER ROLE {1} SET role = {0}").format(*pair))
    with postgres(new) as connection:
        connection.execute("SELECT 1")
        privileges_of(connection, new["username"])
    with postgres(value) as connection:
        privileges_of(connection, value["username"])
    return new


# MariaDB


def mariadb(value: Value) -> "pymysql.Connection[Any]":
    """Log in."""
    mode = value.get("sslmode", "prefer")
    return pymysql.connect(
        host=value["host"],
        port=value["port"],
        user=value["username"],
        password=value["password"].encode(),
        ssl=context_for(value, mode) if mode == "require" else None,
        ssl_disabled=mode != "require",
        autocommit=True,
    )


def asked(connection: "pymysql.Connection[Any]", *statements: str) -> None:
    """Run statements."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def mariadb_single(value: Value, _admin: Value | None) -> dict[str, Any]:
    """Log in, change, log in, one statement."""
    new = {**value, "password": new_password()}
    with mariadb(value) as connection:
        asked(connection, f"SET PASSWORD = '{digest_of(Password(new['password']))}'")
    with mariadb(new) as connection:
        asked(connection, "SELECT 1")
    return new


def mariadb_dual(value: Value, admin: Value) -> dict[str, Any]:
    """Log in as current; as admin, look and change; log in, one statement; see that the former still logs in."""
    new, user = {**value, "password": new_password()}, value["username"]
    mariadb(value).close()
    rules = " OR ".join(f"mysql_native_password USING '{digest_of(Password(one['password']))}'" for one in (new, value))
    with mariadb(admin) as connection:
        asked(connection, f"SHOW CREATE USER `{user}`", f"ALTER USER `{user}` IDENTIFIED VIA {rules}")
    mariadb(value).close()
    with mariadb(new) as connection:
        asked(connection, "SELECT 1")
    return new


def mariadb_alternating(value: Value, admin: Value) -> dict[str, Any]:
    """Log in as current; as admin, compare and change; log in as the other; ask both for what they may do."""
    new = {**value, "username": other(value["username"]), "password": new_password()}
    digest, pair = digest_of(Password(new["password"])), [f"`{one['username']}`" for one in (value, new)]
    mine = ("SHOW GRANTS", "SHOW CREATE USER")
    mariadb(value).close()
    with mariadb(admin) as connection:
        asked(connection, f"CREATE USER IF NOT EXISTS {pair[1]}", *(f"SHOW GRANTS FOR {one}" for one in pair))
        asked(connection, f"ALTER USER {pair[1]} IDENTIFIED VIA mysql_native_password USING '{digest}'")
    with mariadb(new) as connection:
        asked(connection, "SELECT 1", *mine)
    with mariadb(value) as connection:
        asked(connection, *mine)
    return new


# Redis


def redis_nodes(value: Value) -> "list[redis.Redis]":
    """Log in on the secret's host and on each of its further nodes."""
    places = [(value["host"], value["port"]), *(node.rsplit(":", 1) for node in value.get("nodes", []))]
    user = {"username": value["username"], "password": value["password"], "protocol": 2, "lib_name": None}
    return [redis.Redis(host, int(port), single_connection_client=True, **user) for host, port in places]


def redis_change(*rules: str) -> Work:
    """Log in as current; as admin, look, change and save on each node; log in as the new one on each."""

    def work(value: Value, admin: Value) -> dict[str, Any]:
        new = {**value, "password": new_password()}
        digests = {
            one: hashlib.sha256(it["password"].encode()).hexdigest() for one, it in (("old", value), ("new", new))
        }
        first = {**value, "nodes": []}
        sessions = redis_nodes(first)
        for one in redis_nodes(admin):
            one.execute_command("ACL GETUSER", value["username"])
            one.execute_command("ROLE")
            one.execute_command("ACL SETUSER", value["username"], *(rule.format(**digests) for rule in rules))
            one.execute_command("ACL SAVE")
            one.close()
        for one in sessions + redis_nodes(new):
            one.close()
        return new

    return work


# LDAP and Active Directory


def ldap(value: Value) -> "ldap3.Connection":
    """Log in, by StartTLS with the one context where the value asks for TLS."""
    connection = ldap3.Connection(
        ldap3.Server(
            value["host"], value["port"], get_info=ldap3.NONE, tls=_OneContext() if "sslmode" in value else None
        ),
        value["username"],
        value["password"].encode(),
        check_names=False,
    )
    connection.open(read_server_info=False)
    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if "sslmode" in value:
        connection.start_tls(read_server_info=False)
    done(connection, connection.bind(read_server_info=False))
    return connection


class _OneContext(ldap3.Tls):  # type: ignore[misc]
    """TLS with a context that is made once."""

    def wrap_socket(self, connection: "ldap3.Connection", do_handshake: bool = False) -> None:  # noqa: ARG002 - ldap3's
        """Put TLS over the connection's socket."""
        connection.socket = context_for({}, "require").wrap_socket(connection.socket)


def done(connection: "ldap3.Connection", success: object) -> None:
    """Insist."""
    if not success:
        raise RuntimeError(connection.result)


def ldap_single(value: Value, admin: Value) -> dict[str, Any]:
    """Log in and try the own change; as admin, change; log in, one operation."""
    new = {**value, "password": new_password()}
    passwords = value["password"].encode(), new["password"].encode()
    with ldap(value) as connection:
        connection.extend.standard.modify_password(value["username"], *passwords)
    with ldap(admin) as connection:
        done(connection, connection.extend.standard.modify_password(value["username"], None, passwords[1]))
    with ldap(new) as connection:
        connection.extend.standard.who_am_i()
    return new


def ldap_dual(value: Value, admin: Value) -> dict[str, Any]:
    """Log in as current and look; as admin, look, delete, look and add; log in, one operation; log in as current."""
    new = {**value, "password": new_password()}
    user, look = value["username"], {"search_base": value["username"], "search_filter": "(objectClass=*)"}
    with ldap(value) as connection:
        connection.search(**look, search_scope="BASE", attributes=["userPassword"])
    with ldap(admin) as connection:
        connection.search(**look, search_scope="BASE", attributes=["userPassword"])
        there = connection.response[0]["raw_attributes"]["userPassword"]
        gone = [one for one in there if not is_of(one, Password(value["password"]))]
        if gone:
            done(connection, connection.modify(user, {"userPassword": [("MODIFY_DELETE", gone)]}))
        added = {"userPassword": [("MODIFY_ADD", [stored_form(Password(new["password"]))])]}
        done(connection, connection.modify(user, added))
    with ldap(new) as connection:
        connection.extend.standard.who_am_i()
    ldap(value).unbind()
    return new


def active_directory(value: Value, _admin: Value | None) -> dict[str, Any]:
    """Log in, look the account up and change; log in, one operation."""
    new = {**value, "password": new_password()}
    old, wanted = (f'"{one["password"]}"'.encode("utf-16-le") for one in (value, new))
    with ldap(value) as connection:
        connection.search("", "(objectClass=*)", "BASE", attributes=["defaultNamingContext"])
        domain = connection.response[0]["attributes"]["defaultNamingContext"][0]
        connection.search(domain, f"(sAMAccountName={value['username'].partition(chr(92))[2]})", attributes=["cn"])
        change = {"unicodePwd": [("MODIFY_DELETE", [old]), ("MODIFY_ADD", [wanted])]}
        done(connection, connection.modify(connection.response[0]["dn"], change))
    with ldap(new) as connection:
        connection.search("", "(objectClass=*)", "BASE", attributes=["tokenGroups"])
    return new


# IAM


def iam(value: Value) -> tuple[Any, list[dict[str, Any]]]:
    """Make a client and list the user's keys, which proves the login."""
    client = IAM.create_client(
        "iam",
        region_name="us-east-1",
        endpoint_url=f"http://{value['host']}:{value['port']}",
        aws_access_key_id=value["aws_access_key_id"],
        aws_secret_access_key=value["aws_secret_access_key"],
    )
    return client, client.list_access_keys(UserName=value["username"])["AccessKeyMetadata"]


def iam_issue(value: Value, admin: Value) -> dict[str, Any]:
    """Log in; as admin, look, make room, note the intent, have a key issued, mark it; log in as the new one."""
    (_, keys), (client, _), user = iam(value), iam(admin), {"UserName": value["username"]}
    client.list_user_tags(**user)
    for key in keys:
        if key["AccessKeyId"] != value["aws_access_key_id"]:
            client.delete_access_key(AccessKeyId=key["AccessKeyId"], **user)
            client.untag_user(TagKeys=[key["AccessKeyId"]], **user)
    client.tag_user(Tags=[{"Key": "bench-issuing", "Value": "now"}], **user)
    made = client.create_access_key(**user)["AccessKey"]
    client.tag_user(Tags=[{"Key": made["AccessKeyId"], "Value": "bench"}], **user)
    client.untag_user(TagKeys=["bench-issuing"], **user)
    new = {**value, "aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    iam(new)[0].list_access_keys(**user)  # as the one statement of a test
    return new


# OpenSSH


def ssh(value: Value) -> paramiko.Transport:
    """Log in by the key."""
    transport = paramiko.Transport((value["host"], value["port"]))
    transport.start_client()
    transport.auth_publickey(value["username"], paramiko.Ed25519Key.from_private_key(StringIO(value["private_key"])))
    return transport


def ssh_issue(value: Value, admin: Value) -> dict[str, Any]:
    """Log in; as admin, read the file, put two lines in its place at once; log in as the new one."""
    made, form = Ed25519PrivateKey.generate(), serialization
    private = made.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()).decode()
    public = made.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    path = admin["authorized_keys"].replace("%u", value["username"])
    ssh(value).close()
    transport = ssh(admin)
    files: Any = paramiko.SFTPClient.from_transport(transport)
    with files.open(path) as file:
        lines = file.read().decode().splitlines()
    with files.open(f"{path}.bench", "wx") as file:
        file.write(f"{lines[-1]}\n{public}\n")
    files.chmod(f"{path}.bench", 0o644)
    files.posix_rename(f"{path}.bench", path)
    transport.close()
    new = {**value, "private_key": private}
    ssh(new).close()
    return new


# HTTP


def forge(value: Value, method: str, path: str, said: object = None) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Ask the service of the tests once, over a connection of its own with TLS."""
    context = context_for(value, "require")
    connection = http.client.HTTPSConnection(value["host"], value["port"], context=context)
    headers = {"Authorization": f"Bearer {value['api_key']}"}
    connection.request(method, path, None if said is None else json.dumps(said), headers)
    content = connection.getresponse().read()
    connection.close()
    return json.loads(content) if content else None


def forge_issue(value: Value, admin: Value) -> dict[str, Any]:
    """Log in; as admin, list both pages, make room, have a key issued; log in as the new one."""
    keys = f"/api/users/{value['username']}/keys"
    forge(value, "GET", "/api/me")
    forge(admin, "GET", "/api/me")
    page = forge(admin, "GET", keys)
    found = [key["id"] for key in page["keys"]]
    if "more" in page:
        found += [key["id"] for key in forge(admin, "GET", f"{keys}?after={page['more']}")["keys"]]
    for key in found:
        if str(key) != value["key_id"]:
            forge(admin, "DELETE", f"{keys}/{key}")
    made = forge(admin, "POST", keys, {"label": "bench"})
    new = {**value, "key_id": str(made["key"]["id"]), "api_key": made["token"]}
    forge(new, "GET", "/api/me")
    return new


# RabbitMQ and etcd, over one kept connection for each login


def http_api(value: Value) -> Callable[..., Any]:
    """Connect; give what asks for a path and gives the JSON that is told."""
    context = context_for(value, "require") if value.get("sslmode") == "require" else None
    place = value["host"], value["port"]
    connection = http.client.HTTPSConnection(*place, context=context) if context else http.client.HTTPConnection(*place)

    def ask(method: str, path: str, body: object, proof: str) -> Any:  # noqa: ANN401 - whatever is told
        connection.request(method, path, body and json.dumps(body), {"Authorization": proof} if proof else {})
        said = connection.getresponse().read()
        return json.loads(said) if said else None

    return ask


def rabbitmq(value: Value) -> Callable[..., Any]:
    """Log in: ask who we are."""
    ask = http_api(value)
    proof = "Basic " + base64.b64encode(f"{value['username']}:{value['password']}".encode()).decode()

    def asked(path: str, body: object = None) -> Any:  # noqa: ANN401 - whatever is told
        return ask("PUT" if body else "GET", f"/api/{path}", body, proof)

    asked("whoami")
    return asked


def rabbitmq_change(*, pair: bool) -> Work:
    """Log in as current; as admin, look and change; log in as the new one; of a pair, ask what both may do."""

    def work(value: Value, admin: Value) -> dict[str, Any]:
        user = other(value["username"]) if pair else value["username"]
        new = {**value, "username": user, "password": new_password()}
        rabbitmq(value)
        asked = rabbitmq(admin)
        for one in {value["username"], user}:
            rabbitmq_rights(asked, one, everything=pair)
        salt = secrets.token_bytes(4)
        digest = base64.b64encode(salt + hashlib.sha256(salt + new["password"].encode()).digest()).decode()
        asked(f"users/{user}", {"password_hash": digest, "tags": ""})
        asked(f"permissions/%2F/{user}", {"configure": "^app", "write": "^app", "read": ".*"})
        rabbitmq(new)("whoami")
        if pair:
            rabbitmq(value)
            for one in (value["username"], user):
                rabbitmq_rights(asked, one, everything=True)
        return new

    return work


def rabbitmq_rights(asked: Callable[..., Any], user: str, *, everything: bool) -> None:
    """Ask for a user, and for what it may do."""
    for kind in ("", "/permissions", "/topic-permissions") if everything else ("",):
        asked(f"users/{user}{kind}")


def etcd(value: Value) -> Callable[..., Any]:
    """Log in: get a token."""
    ask = http_api(value)
    login = {"name": value["username"], "password": value["password"]}
    token = ask("POST", "/v3/auth/authenticate", login, "")["token"]
    return lambda verb, **members: ask("POST", f"/v3/auth/user/{verb}", members, token)


def etcd_change(*, pair: bool) -> Work:
    """Log in as current; as admin, look and change; log in as the new one; of a pair, ask both for their roles."""

    def work(value: Value, admin: Value) -> dict[str, Any]:
        user = other(value["username"]) if pair else value["username"]
        new = {**value, "username": user, "password": new_password()}
        etcd(value)
        asked = etcd(admin)
        roles = asked("get", name=value["username"])["roles"] if pair else []
        found = asked("get", name=user) if pair else {"roles": roles}
        asked("changepw" if "roles" in found else "add", name=user, password=new["password"])
        for role in set(roles) - set(found.get("roles", [])):
            asked("grant", user=user, role=role)
        etcd(new)("get", name=user)
        if pair:
            etcd(value)("get", name=value["username"])
        return new

    return work


FLOORS: dict[tuple[str, str], Work] = {
    ("postgres", "single-user"): postgres_single,
    ("postgres", "alternating-users"): postgres_alternating,
    ("mariadb", "single-user"): mariadb_single,
    ("mariadb", "dual-password"): mariadb_dual,
    ("mariadb", "alternating-users"): mariadb_alternating,
    ("redis", "single-user"): redis_change("resetpass", "#{new}"),
    ("redis", "dual-password"): redis_change("resetpass", "#{old}", "#{new}"),
    ("ldap", "single-user"): ldap_single,
    ("ldap", "dual-password"): ldap_dual,
    ("active_directory", "single-user"): active_directory,
    ("iam", "issued-keys"): iam_issue,
    ("ssh", "issued-keys"): ssh_issue,
    ("http", "issued-keys"): forge_issue,
    ("rabbitmq", "single-user"): rabbitmq_change(pair=False),
    ("rabbitmq", "alternating-users"): rabbitmq_change(pair=True),
    ("etcd", "single-user"): etcd_change(pair=False),
    ("etcd", "alternating-users"): etcd_change(pair=True),
}
