"""What MariaDB writes down of a rotation: hashes at most, in no file a password."""

from detent.functions.builtin import BUILTIN
from detent.functions.testing import SecretsSimulator
from functions.stories import rotate
from servers.mariadb import MariadbTarget
from servers.target import OLD


def test_no_password_of_a_rotation_stands_in_any_file_of_the_server(mariadb: MariadbTarget) -> None:
    user = str(mariadb.new_value()["username"])
    mariadb.create_administrator(f"{user}_admin", "canary-admin-password", over=user)
    client = SecretsSimulator()
    link = client.create(mariadb.value(f"{user}_admin", "canary-admin-password"), name="admin")
    passwords = ["canary-admin-password"]
    arn = client.create(mariadb.value(user, OLD, masterarn=link))
    for name in ("single-user", "dual-password", "alternating-users"):
        for _ in range(2):
            rotate(arn, client, function=BUILTIN[f"detent-mariadb-{name}"])
            passwords.append(client.value(arn)["password"])
    mariadb.run("FLUSH LOGS; FLUSH TABLES")
    files = [file for file in mariadb.server.data.rglob("*") if file.is_file()]
    assert {"general.log", "slow.log", "audit.log", "binlog.000001"} <= {file.name for file in files}
    for file in files:
        text = file.read_bytes()
        assert not [one for one in passwords if one.encode() in text or one.encode().hex().encode() in text], file
    for log in ("general.log", "slow.log", "audit.log", "binlog.000001"):
        assert f"ALTER USER `{user}`".encode() in (mariadb.server.data / log).read_bytes()
