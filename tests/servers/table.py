"""The servers that the contract suites run on: a new engine is one row here."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from detent.functions.builtin import BUILTIN
from servers.active_directory import start_active_directory
from servers.certificates import Certificates
from servers.etcd import start_etcd
from servers.forge import start_forge
from servers.iam import IamTarget, start_moto
from servers.ldap import start_ldap
from servers.mariadb import start_mariadb
from servers.postgres import start_postgres
from servers.rabbitmq import start_rabbitmq
from servers.redis import start_redis
from servers.ssh import start_sshd
from servers.target import Target

# name of the row, which begins with the engine's -> what starts the server, to be ended by the stack
SERVERS: dict[str, Callable[[ExitStack, Certificates], Target]] = {
    "postgres-system": partial(start_postgres, source="system"),
    "postgres-wheel": partial(start_postgres, source="wheel"),
    "mariadb-tls": partial(start_mariadb, kind="tls"),
    "redis-alone": partial(start_redis, kind="alone"),
    "redis-replicated": partial(start_redis, kind="replicated"),
    "ldap-tls": partial(start_ldap, kind="tls"),
    "active_directory": start_active_directory,
    "rabbitmq": start_rabbitmq,
    "etcd": start_etcd,
    "iam": lambda running, _: IamTarget(*start_moto(running)),
    "ssh": start_sshd,
    "http": start_forge,
}
# every row with every function of its engine
ROWS = [(row, name) for row in SERVERS for name in BUILTIN if BUILTIN[name].engine == row.partition("-")[0]]
