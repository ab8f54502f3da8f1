"""The servers that are played: a new one is one row here."""

from collections.abc import Callable
from contextlib import ExitStack

from detent.functions.builtin import BUILTIN
from scripted.db2 import start_db2
from scripted.mysql import start_mysql
from scripted.oracle import start_oracle
from scripted.redshift import start_redshift
from scripted.snowflake_server import start_snowflake
from scripted.sqlserver import start_sqlserver
from scripted.target import ScriptedTarget

# name of the row, which begins with the engine's -> what patches the driver, until the stack ends
SCRIPTED: dict[str, Callable[[ExitStack], ScriptedTarget]] = {
    "db2": start_db2,
    "mysql": start_mysql,
    "oracle": start_oracle,
    "redshift": start_redshift,
    "snowflake": start_snowflake,
    "sqlserver": start_sqlserver,
}
# every row with every function of its engine
ROWS = [(row, name) for row in SCRIPTED for name in BUILTIN if BUILTIN[name].engine == row.partition("-")[0]]
