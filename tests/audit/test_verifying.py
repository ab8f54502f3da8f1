"""Whatever is done to a trail afterwards is found; what is done to it by crashes and log rotation is no finding."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.audit.chain import Chain, Head
from detent.audit.journal import Journal, head_file, read_mark
from detent.audit.verifying import Verifier, read_lines

KEY = bytes(range(32))
RECORDS = 12


def write(path: Path, *numbers: int) -> Head:
    journal = Journal(path, Chain(KEY))
    head = journal.append([json.dumps({"eventName": f"Call{number}"}).encode() for number in numbers])
    journal.close()
    return head


def found(files: Sequence[Path], **known: Head) -> list[str]:
    return [finding.text for finding in Verifier(Chain(KEY), known).findings(read_lines(files))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


@pytest.fixture
def head(path: Path) -> Head:
    return [write(path, number) for number in range(RECORDS)][-1]


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_a_whole_trail_has_no_findings_and_its_head_is_the_last_record(path: Path, head: Head) -> None:
    verifier = Verifier(Chain(KEY), {"the store": head})
    assert list(verifier.findings(read_lines([path]))) == []
    assert (verifier.records, verifier.head) == (RECORDS, head)
    assert Head.told(str(head)) == head == Head.unpacked(head.packed())


def drop(lines: list[bytes]) -> list[bytes]:
    return lines[:4] + lines[7:]


def swap(lines: list[bytes]) -> list[bytes]:
    return [*lines[:4], lines[5], lines[4], *lines[6:]]


def change(lines: list[bytes]) -> list[bytes]:
    return [*lines[:4], lines[4].replace(b"Call4", b"Call9"), *lines[5:]]


def forge(lines: list[bytes]) -> list[bytes]:
    line, _ = Chain(bytes(32)).lines(Head(4, bytes(16)), [b'{"eventName":"Forged"}'])
    return [*lines[:4], line, *lines[4:]]


_CHANGED = "record {} was changed, or another wrote it."
TAMPERED: list[tuple[Callable[[list[bytes]], list[bytes]], list[str]]] = [
    (drop, ["records 5 to 7 are missing before record 8."]),
    (swap, ["record 5 is missing before record 6.", "record 5 stands out of its place, or twice."]),
    (change, ["record 5 was changed, or another wrote it."]),
    (lambda lines: [line.replace(b"Call1", b"Fall1") for line in lines], [_CHANGED.format(n) for n in (2, 11, 12)]),
    (forge, ["record 5 was changed, or another wrote it."]),
    (lambda lines: [*lines[:4], b'{"eventName":"Plain"}\n', *lines[4:]], ["this line is no record of this server."]),
    (lambda lines: [*lines, lines[3]], ["record 4 stands out of its place, or twice."]),
    (
        lambda lines: lines[:-2],
        ["records 11 to 12 are missing at the end: the store knows of record 12."],
    ),
    (lambda _: [], ["records 1 to 12 are missing at the end: the store knows of record 12."]),
]


@pytest.mark.parametrize(("tamper", "told"), TAMPERED)
def test_what_was_done_to_it_is_told(
    path: Path, head: Head, tamper: Callable[[list[bytes]], list[bytes]], told: list[str]
) -> None:
    path.write_bytes(b"".join(tamper(lines_of(path))))
    assert found([path], **{"the store": head}) == told


def test_a_finding_names_file_and_line(path: Path, head: Head) -> None:
    path.write_bytes(b"".join(change(lines_of(path))))
    [finding] = Verifier(Chain(KEY), {"the store": head}).findings(read_lines([path]))
    assert finding[:2] == (path, 5)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_edit_of_any_kind_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("trail") / "audit.log"
    head = write(path, *range(RECORDS))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)), "start")
    removed = data.draw(st.integers(0, len(whole) - start), "bytes removed")
    put = data.draw(st.one_of(st.binary(max_size=40), st.sampled_from(lines_of(path)), st.just(b"\n")), "put")
    edited = whole[:start] + put + whole[start + removed :]
    path.write_bytes(edited)
    is_only_unfinished = edited.startswith(whole) and b"\n" not in edited[len(whole) :]  # as a dying writer leaves it
    is_harmless = edited == whole or is_only_unfinished
    assert bool(found([path], store=head)) is not is_harmless


def test_two_chains_under_one_key_cannot_be_put_together(path: Path, tmp_path: Path, head: Head) -> None:
    other = tmp_path / "other.log"
    for number in range(RECORDS):
        write(other, number + 100)
    path.write_bytes(b"".join([*lines_of(path)[:6], *lines_of(other)[6:]]))
    assert found([path]) == ["record 7 does not follow the one before it: one of the two is of another chain."]
    assert found([other], **{"the store": head}) == ["record 12 is not the one that the store knows."]


def test_a_trail_in_several_files_is_one(path: Path, head: Head) -> None:
    older = path.with_name("audit.log.1")
    path.rename(older)
    last = write(path, 100, 101)
    assert last.sequence == RECORDS + 2
    assert found([older, path], store=last) == []
    assert found([path], store=last) == ["records 1 to 12 are missing before record 13."]
    assert found([older], store=head) == []


def test_a_record_noted_down_elsewhere_must_be_in_it(path: Path, head: Head) -> None:
    assert found([path], **{"whoever noted it": head}) == []
    assert found([path], **{"whoever noted it": Head(7, bytes(16))}) == [
        "record 7 is not the one that whoever noted it knows."
    ]


def test_a_line_that_its_writer_did_not_finish_is_no_record(path: Path, head: Head) -> None:
    with path.open("ab") as file:
        file.write(lines_of(path)[0][:50])
    assert found([path], store=head) == []


@pytest.mark.usefixtures("head")
def test_what_comes_while_it_is_read_is_not_read(path: Path) -> None:
    lines = read_lines([path])
    first = next(lines)
    write(path, 50)
    assert len([first, *lines]) == RECORDS
    mark = read_mark(path)
    assert mark is not None
    assert mark.head.sequence == RECORDS + 1


def test_without_the_small_file_all_of_it_is_read(path: Path, head: Head) -> None:
    head_file(path).unlink()
    assert found([path], store=head) == []
