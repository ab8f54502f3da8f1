"""How MySQL's sessions begin: a known dialect of SQL, a server that is new enough, and proof of who was let in."""

import re
from typing import TYPE_CHECKING, Any, Final

from detent.functions.engines import Login
from detent.functions.engines.mysql.failures import UNPROVEN, WRONG_SERVER, unreachable
from detent.functions.errors import EngineUnavailable
from detent.functions.mysql_protocol.connection import Plugins, closed, run

if TYPE_CHECKING:
    from pymysql.connections import Connection

PLUGINS: Final = Plugins(
    frozenset({"caching_sha2_password", "mysql_native_password"}),
    "the account logs in by a plug-in which is not rotated: let it use caching_sha2_password by "
    "ALTER USER … IDENTIFIED WITH caching_sha2_password BY '…'",
)

# How the driver quotes must be how the server reads; how the server quotes must be how grants are read here. MariaDB
# has no max_execution_time, and refuses this.
_DIALECT: Final = (
    "SET SESSION max_execution_time = {milliseconds}, sql_quote_show_create = 1, sql_mode = 'STRICT_TRANS_TABLES'"
)
_WHO: Final = "SELECT CURRENT_USER(), VERSION()"
_SINCE: Final = (8, 0, 14)  # two passwords at once


def admitted(connection: "Connection[Any]", login: Login, mode: str) -> None:
    """Set the session up. Refuses, and closes, where another account than the login's was let in."""
    failure: Exception | None = None
    try:
        run(connection, _DIALECT.format(milliseconds=int(connection._read_timeout * 1000)))  # noqa: SLF001 - opened() gave it
        ((account, version),) = run(connection, _WHO)
        if _numbers(version) < _SINCE:
            failure = EngineUnavailable(WRONG_SERVER, mode)
        elif account.rpartition("@")[0] != login.username:
            failure = EngineUnavailable(UNPROVEN, mode)
    except Exception as error:  # noqa: BLE001 - what is no MySQL makes the driver raise anything
        failure = unreachable(error, mode)
    if failure:
        closed(connection)
        raise failure


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
