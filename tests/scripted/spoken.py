"""Servers that cannot be had here, played at the other end of the wire: the driver itself speaks to them.

They are no live servers, so they stand in no ``run_against``, and what they know is the manuals'. Those that are
played at the driver's ``connect`` are in ``scripted.table``.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from detent.functions.builtin import BUILTIN
from scripted.elasticache import start_elasticache
from scripted.influxdb import start_influxdb
from scripted.mongodb import start_mongodb
from scripted.spoken_target import SpokenTarget
from servers.certificates import Certificates

SPOKEN: dict[str, Callable[[ExitStack, Certificates], SpokenTarget]] = {
    "elasticache": start_elasticache,
    "influxdb": start_influxdb,
    "mongodb-alone": partial(start_mongodb, kind="alone"),
    "mongodb-set": partial(start_mongodb, kind="set"),
}
SPOKEN_ROWS = [(row, name) for row in SPOKEN for name in BUILTIN if BUILTIN[name].engine == row.partition("-")[0]]
