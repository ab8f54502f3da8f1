"""How MariaDB's sessions begin: no clear password, a known dialect of SQL, and proof of who was let in."""

from typing import TYPE_CHECKING, Any, Final

from detent.functions.engines import Login
from detent.functions.engines.mariadb.failures import UNPROVEN, WRONG_SERVER, unreachable
from detent.functions.errors import EngineUnavailable
from detent.functions.mysql_protocol.connection import Plugins, closed, run

if TYPE_CHECKING:
    from pymysql.connections import Connection

PROVING: Final = Plugins(  # by challenge and response
    frozenset({"mysql_native_password", "client_ed25519"}),
    "the server asks for a way to log in by which the password would be sent, or which is not rotated: let "
    "the account use it by ALTER USER … IDENTIFIED VIA mysql_native_password",
)

# How the driver quotes must be how the server reads; how the server quotes must be how grants are read here. A GRANT
# must never make an account.
_DIALECT: Final = (
    "SET SESSION max_statement_time = {seconds}, sql_quote_show_create = 1,"
    " sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER'"
)
_WHO: Final = "SELECT CURRENT_USER(), /*M!100400 1 + */ 0"  # MariaDB 10.4 and later run what is in the comment


def admitted(connection: "Connection[Any]", login: Login, mode: str) -> None:
    """Set the session up. Refuses, and closes, where another account than the login's was let in."""
    failure: Exception | None = None
    try:
        run(connection, _DIALECT.format(seconds=connection._read_timeout))  # noqa: SLF001 - what opened() gave it
        ((account, known),) = run(connection, _WHO)
        if not known:
            failure = EngineUnavailable(WRONG_SERVER, mode)
        elif account.rpartition("@")[0] != login.username:
            failure = EngineUnavailable(UNPROVEN, mode)
    except Exception as error:  # noqa: BLE001 - as above
        failure = unreachable(error, mode)
    if failure:
        closed(connection)
        raise failure
