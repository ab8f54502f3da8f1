"""The data folder: made on the first start, checked on every one, before anything in it is changed."""

import configparser
import io
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

from detent.audit.journal import head_file
from detent.crypto.root import KeysetUnreadable, RootKeyset
from detent.main import auditing
from detent.main.passphrase import passphrase
from detent.main.settings import CannotStart, Settings
from detent.model.errors import CannotOpen
from detent.model.keyset import ROOT_KEYSET_ID
from detent.model.value import SealedValue, SecretValue
from detent.service import access
from detent.service.env import Env, Server
from detent.store.migrate import migrate, read_fact, require_known_schema, require_newest_schema
from detent.store.protocol import Store, StoreUnusable

_CHECK = "keyset check"  # a fact sealed on the first start: it opens under the right keyset only
_ACCOUNT = "account"  # a fact: whose root access key the folder gives out
ROOT_KEY = "root access key"  # a fact: the id of that key


class SystemClock:
    """`ports.Clock`: the machine's."""

    def now(self) -> datetime:
        """Give the moment as an aware UTC datetime."""
        return datetime.now(UTC)


class Folder:
    """Where a server keeps everything."""

    def __init__(self, path: Path) -> None:
        """Name the files in it."""
        self.path = path
        self.store = path / "store.sqlite"
        self.keyset = path / "keyset.json"
        self.credentials = path / "credentials"
        self.config = path / "config"
        self.audit = path / "audit.log"
        self.layers = path / "layers"

    def open(self) -> RootKeyset:
        """Make or check the folder, bring the store up to date, and give its keyset. Raises CannotStart."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._require_access()
            require_known_schema(self.store)
            keyset = self._keyset()
            if self.store.exists():
                self._check(keyset)
            migrate(self.store)
            auditing.make_key(self.store, keyset)
        except (StoreUnusable, KeysetUnreadable) as error:
            raise CannotStart(str(error)) from None
        except OSError as error:
            raise CannotStart(f"cannot use the data folder {self.path}: {error.strerror}") from None
        return keyset

    def unlock(self) -> RootKeyset:
        """Give the keyset of a folder that a server was started on. Raises CannotStart.

        Nothing is made or brought up to date: a server may be at work on it.
        """
        try:
            if not self.store.exists() or read_fact(self.store, ROOT_KEY) is None:
                raise CannotStart(
                    f"no server was ever started on the data folder {self.path}: detent serve --data {self.path}"
                )
            require_newest_schema(self.store)
            keyset = self._keyset()
            self._check(keyset)
        except (StoreUnusable, KeysetUnreadable) as error:
            raise CannotStart(str(error)) from None
        return keyset

    def reopen(self) -> tuple[RootKeyset, str]:
        """Give the keyset and the account of such a folder, that can be written to. Raises CannotStart."""
        try:
            self._require_access()
        except OSError as error:
            raise CannotStart(f"cannot use the data folder {self.path}: {error.strerror}") from None
        keyset, account = self.unlock(), read_fact(self.store, _ACCOUNT)
        if account is None:
            raise CannotStart(f"an older Detent was the last to serve {self.path}: detent serve --data {self.path}")
        return keyset, account.decode()

    def _require_access(self) -> None:
        """Refuse what can be read but not written: a server would start, and fail at its first write."""
        os.scandir(self.path).close()
        beside = (self.store.with_name(self.store.name + end) for end in ("-wal", "-shm"))
        trail = (self.audit, head_file(self.audit))
        for path in (self.path, self.store, *beside, self.store.with_suffix(".lock"), *trail):
            if path.exists() and not os.access(path, os.R_OK | os.W_OK):
                raise CannotStart(f"cannot read and write {path}: let the account that runs the server own it.")

    def _keyset(self) -> RootKeyset:
        if self.keyset.exists():
            return RootKeyset.load(self.keyset, passphrase)
        if self.store.exists():
            raise CannotStart(
                f"{self.keyset} is missing, and the store beside it can be read with no other keyset: put it back."
            )
        try:
            return RootKeyset.create(self.keyset, passphrase)
        except FileExistsError:  # another server that starts on this folder at the same moment was faster
            return RootKeyset.load(self.keyset, passphrase)

    def _check(self, keyset: RootKeyset) -> None:
        """Open the fact that only the right keyset opens, without changing the store."""
        sealed = read_fact(self.store, _CHECK)
        try:
            if sealed is not None:
                keyset.open(SealedValue(sealed, ROOT_KEYSET_ID), _CHECK)
        except CannotOpen:
            raise CannotStart(
                f"{self.keyset} is not the keyset that sealed the store beside it: put the right one back."
            ) from None

    def initialise(self, server: Server, store: Store) -> None:
        """On the first start make the root access key and its credentials file, in one transaction."""
        with store.read() as tx:
            if tx.fact(ROOT_KEY) is not None and tx.fact(_ACCOUNT) is not None:
                return
        store.write(lambda tx: self._first_start(server.env(tx, server.region)))

    def _first_start(self, env: Env) -> None:
        if env.tx.fact(_ACCOUNT) is None:
            env.tx.keep_fact(_ACCOUNT, env.server.account.encode())
        if env.tx.fact(ROOT_KEY) is not None:
            return
        key_id, secret = access.create_root_key(env, env.server.account)
        # The file first: if the commit fails, the next start writes another one over it.
        self.write_credentials(key_id, str(secret.reveal()))
        env.tx.keep_fact(ROOT_KEY, key_id.encode())
        env.tx.keep_fact(_CHECK, env.server.keyset.seal(SecretValue("detent"), _CHECK).ciphertext)

    def write_credentials(self, key_id: str, secret: str) -> None:
        """Give an access key out, in the form AWS clients read, in the place of the one that was there."""
        _write_ini(self.credentials, {"default": {"aws_access_key_id": key_id, "aws_secret_access_key": secret}})

    def write_config(self, settings: Settings, port: int) -> None:
        """Say, in the form AWS clients read, where the server is."""
        profile = {"region": settings.region, "endpoint_url": settings.local_endpoint(port)}
        if settings.tls_cert is not None and _is_own_root(settings.tls_cert, settings.tls_key):
            profile["ca_bundle"] = str(settings.tls_cert.absolute())
        _write_ini(self.config, {"default": profile})


def _is_own_root(certificate: Path, key: Path | None) -> bool:
    """Say whether a client that trusts this file alone accepts the server: it is self-signed, or holds its CA too.

    If not, clients are left to the CAs that they know: those of a bundle are trusted instead of them.
    """
    served, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    served.load_cert_chain(certificate, key, "")
    trusting.check_hostname = False
    trusting.load_verify_locations(certificate)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = trusting.wrap_bio(to_client, to_server), served.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client):  # after the last of them the client has accepted the certificate, or not
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError:
            return False
    return True


def _write_ini(path: Path, sections: dict[str, dict[str, str]]) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    parser = configparser.RawConfigParser()
    parser.read_dict(sections)
    text = io.StringIO()
    parser.write(text)
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text.getvalue())
        file.flush()
        os.fsync(file.fileno())
    if os.geteuid() == 0:  # the server may run as another account, to which the folder then belongs
        owner = path.parent.stat()
        os.chown(draft, owner.st_uid, owner.st_gid)
    draft.replace(path)
