"""`protocol.CheckTable` in SQL."""

from detent.model.checks import Check, Checks, Hold
from detent.model.secret import Secret, SecretKey
from detent.store import queries, rows
from detent.store.statements import Statements


class SqlChecks:
    """Few rows: those of tags are read whole."""

    def __init__(self, tx: Statements) -> None:
        """Work within this transaction."""
        self._tx = tx

    def of_secret(self, key: SecretKey) -> tuple[Check, ...]:
        row = self._tx.run(queries.CHECKS_OF_SECRET, {"key": key}).fetchone()
        return () if row is None else rows.checks(row[0])

    def of_tags(self, account: str, region: str) -> list[Checks]:
        found = self._tx.run(queries.CHECKS_OF_TAGS, {"account": account, "region": region}).fetchall()
        return [Checks(rows.checks(text), tag=(key, value)) for key, value, text in found]

    def of_secrets(self, account: str, region: str) -> list[Checks]:
        found = self._tx.run(queries.CHECKS_OF_SECRETS, {"account": account, "region": region}).fetchall()
        return [Checks(rows.checks(text), secret_name=name) for name, text in found]

    def put_of_secret(self, secret: Secret, checks: tuple[Check, ...]) -> None:
        self._tx.write(queries.DROP_CHECKS_OF_SECRET, {"secret_key": secret.key})
        self._add(secret.account, secret.region, secret.key, (None, None), checks)

    def put_of_tag(self, account: str, region: str, tag: tuple[str, str], checks: tuple[Check, ...]) -> None:
        params = {"account": account, "region": region, "tag_key": tag[0], "tag_value": tag[1]}
        self._tx.write(queries.DROP_CHECKS_OF_TAG, params)
        self._add(account, region, None, tag, checks)

    def hold(self, rotation_id: int) -> Hold | None:
        row = self._tx.run(queries.HOLD, {"id": rotation_id}).fetchone()
        return None if row is None else rows.hold(row)

    def put_hold(self, rotation_id: int, hold: Hold) -> None:
        self._tx.write(queries.PUT_HOLD, {"id": rotation_id, **rows.hold_params(hold)})

    def _add(
        self,
        account: str,
        region: str,
        key: SecretKey | None,
        tag: tuple[str | None, str | None],
        checks: tuple[Check, ...],
    ) -> None:
        if checks:
            params = {"account": account, "region": region, "secret_key": key, "tag_key": tag[0], "tag_value": tag[1]}
            self._tx.write(queries.ADD_CHECKS, {**params, "checks": rows.checks_text(checks)})
