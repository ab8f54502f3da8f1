"""Proving an audit trail: every record is there, unchanged and in its place, up to the furthest head that is known."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from detent.audit.chain import START, Chain, Head, Link, read_link
from detent.audit.journal import settled


class Finding(NamedTuple):
    """Something that is wrong. `line` counts from 1; 0: it is no line's fault."""

    file: Path
    line: int
    text: str


class Line(NamedTuple):
    """One line of a trail, with its newline; the last one of a file may lack it."""

    file: Path
    number: int
    text: bytes


@dataclass
class Verifier:
    """Reads a trail's lines in order. Afterwards `head` is the last record's, and `records` how many were good."""

    chain: Chain
    known: Mapping[str, Head]  # who knows of a record -> that record
    head: Head = START
    records: int = 0
    _claimed: int = 0  # number of the last line since the head that was changed

    def findings(self, lines: Iterable[Line]) -> Iterator[Finding]:
        """Give what is wrong, as it is met."""
        last = Line(Path(), 0, b"")
        for last in lines:
            for text in self._faults(last.text):
                yield Finding(last.file, last.number, text)
        for who, known in self.known.items():
            if known.sequence > self._reached:
                missing = _records(self._reached + 1, known.sequence)
                yield Finding(last.file, 0, f"{missing} missing at the end: {who} knows of record {known.sequence}.")

    @property
    def _reached(self) -> int:
        return max(self.head.sequence, self._claimed)

    def _faults(self, line: bytes) -> Iterator[str]:
        link = read_link(line)
        if link is None or not self.chain.is_own(line):
            yield self._foreign(link)
        elif link.head.sequence <= self.head.sequence:
            yield f"record {link.head.sequence} stands out of its place, or twice."
        else:
            yield from self._own(link)

    def _foreign(self, link: Link | None) -> str:
        if link is None:
            return "this line is no record of this server."
        if link.head.sequence == self._reached + 1:
            self._claimed = link.head.sequence
        return f"record {link.head.sequence} was changed, or another wrote it."

    def _own(self, link: Link) -> Iterator[str]:
        sequence = link.head.sequence
        if sequence > self._reached + 1:
            yield f"{_records(self._reached + 1, sequence - 1)} missing before record {sequence}."
        elif sequence == self.head.sequence + 1 and link.previous != self.head.mac:
            yield f"record {sequence} does not follow the one before it: one of the two is of another chain."
        for who, known in self.known.items():
            if known.sequence == sequence and known.mac != link.head.mac:
                yield f"record {sequence} is not the one that {who} knows."
        self.head, self._claimed = link.head, 0
        self.records += 1


def _records(first: int, last: int) -> str:
    return f"record {first} is" if first == last else f"records {first} to {last} are"


def read_lines(files: Sequence[Path]) -> Iterator[Line]:
    """Read files in order. Of one that is being written, what was there when it was opened; no line half written.

    Raises OSError.
    """
    for path in files:
        size, end = settled(path)
        with path.open("rb") as file:
            at = 0
            for number, text in enumerate(file, 1):
                at += len(text)
                if at > size or (not text.endswith(b"\n") and at > end):
                    break  # its writer died within it: the next one to write takes it away
                yield Line(path, number, text)
