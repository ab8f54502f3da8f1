"""The audit trail's events, remembered until the end of the batch that made them: there they become news."""

from datetime import datetime

from detent.audit.chain import Head
from detent.audit.trail import Batch
from detent.model.ports import AuditedCall
from detent.model.secret import Secret, VersionId
from detent.service.news import Event


class Telling:
    """`ports.AuditBatch` of the store's writer, which also remembers the events."""

    def __init__(self, batch: Batch) -> None:
        """Pass everything on to this batch of the trail."""
        self._batch = batch
        self._events: list[Event] = []

    def call(self, call: AuditedCall) -> None:
        """Keep one call."""
        self._batch.call(call)

    def event(
        self, name: str, secret: Secret, version: VersionId | None, moment: datetime, error: str | None = None
    ) -> None:
        """Keep one service event, and remember it."""
        self._batch.event(name, secret, version, moment, error)
        self._events.append(Event(name, secret, version, moment))

    def events(self) -> list[Event]:
        """Give the events since this was last asked."""
        events, self._events = self._events, []
        return events

    def write(self) -> Head | None:
        """Append all that were kept."""
        return self._batch.write()
