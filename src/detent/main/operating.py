"""Working on a data folder itself, whether its server runs or not: as an account's root, each call in the audit trail.

Whoever can open the folder could do all that root may, so no access key is asked for.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from detent.api.local import ClientError, LocalClient, operator
from detent.api.operations import DETENT, SECRETS_MANAGER
from detent.main.folder import Folder
from detent.main.house import House
from detent.main.settings import CannotStart, Settings
from detent.model.ports import Transactions
from detent.store.protocol import StoreUnusable, Tx

T = TypeVar("T")
REFUSAL: Final = ClientError  # what a client here raises, in the shape of botocore's


class CannotOperate(Exception):
    """The folder cannot be worked on; the message says why and what to do."""


@dataclass(frozen=True)
class Operator:
    """An account's root on an open folder. `own` is a client of Detent's own API, `secrets` one of Secrets Manager."""

    house: House
    account: str
    region: str
    transactions: Transactions

    @property
    def own(self) -> Any:  # noqa: ANN401 - in boto3's shape
        """Detent's own API."""
        return self._client(DETENT)

    @property
    def secrets(self) -> Any:  # noqa: ANN401 - in boto3's shape
        """Secrets Manager's."""
        return self._client(SECRETS_MANAGER)

    def of(self, account: str) -> "Operator":
        """Give the root of another account."""
        return replace(self, account=account)

    def write(self, work: Callable[[Tx, "Operator"], T]) -> T:
        """Run work in one write transaction; it gets the transaction, and the same operator within it."""
        return self.house.store.write(lambda tx: work(tx, replace(self, transactions=_Within(tx))))

    def _client(self, service: str) -> LocalClient:
        return LocalClient(self.house.server, self.transactions, operator(self.account), self.region, service)


class _Within:
    """`ports.Transactions` where one is open already: every call is made in that one."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    @contextmanager
    def read(self) -> Iterator[Tx]:
        yield self._tx

    def glance(self, known: object = None) -> Any:  # noqa: ANN401 - as `read`
        del known
        return self.read()

    def write(self, work: Callable[[Tx], T]) -> T:
        return work(self._tx)

    def submit(self, work: Callable[[Tx], T]) -> Future[T]:
        done: Future[T] = Future()
        done.set_result(work(self._tx))
        return done

    def leave(self, work: Callable[[Tx], T], *, lasts: bool = True) -> Future[T]:
        del lasts  # as the transaction that is open
        return self.submit(work)


@contextmanager
def operating(settings: Settings, account: str | None = None) -> Iterator[Operator]:
    """Open a folder that a server was started on, as the root of an account, by default of the folder's own.

    Raises CannotOperate, also when the folder fails in the middle of the work.
    """
    os.umask(0o077)  # for good: what a command makes later is nobody else's either
    try:
        keyset, own = Folder(settings.data).reopen()
        house = House(replace(settings, account_id=own), keyset)
        try:
            yield Operator(house, account or own, settings.region, house.store)
        finally:
            house.close()
    except (CannotStart, StoreUnusable) as error:
        raise CannotOperate(str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise CannotOperate(
            f"cannot work on the data folder {settings.data}: {where}{error.strerror or error}"
        ) from None
