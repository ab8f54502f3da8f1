"""The file after crashes, cuts and full disks: the chain goes on, and what was lost shows."""

import errno
import json
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from detent.audit.chain import START, Chain, Head, read_link
from detent.audit.journal import Journal, head_file, read_mark
from detent.audit.verifying import Verifier, read_lines

KEY = bytes(32)
RECORD = b'{"eventName":"GetSecretValue"}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def journal(path: Path, anchored: Head = START, *, fsync: bool = False) -> Journal:
    return Journal(path, Chain(KEY), anchored, fsync=fsync)


def findings(path: Path, **known: Head) -> list[str]:
    return [one.text for one in Verifier(Chain(KEY), known).findings(read_lines([path]))]


def sequences(path: Path) -> list[int]:
    return [json.loads(line)["sequence"] for line in path.read_bytes().splitlines()]


def test_both_files_are_their_owners_only(path: Path) -> None:
    journal(path).append([RECORD])
    assert [file.stat().st_mode & 0o777 for file in (path, head_file(path))] == [0o600, 0o600]


def test_processes_and_threads_write_one_chain(path: Path) -> None:
    def write() -> None:
        own = journal(path)
        threads = [threading.Thread(target=lambda: [own.append([RECORD] * 3) for _ in range(50)]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    writers = [multiprocessing.get_context("fork").Process(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sequences(path) == list(range(1, 901))
    assert findings(path) == []


def test_lines_whose_writer_died_before_the_head_are_taken_in(path: Path) -> None:
    first = journal(path)
    head = first.append([RECORD])
    line, after = Chain(KEY).lines(head, [RECORD])
    with path.open("ab") as file:
        file.write(line)
    other = journal(path)
    assert other.head() == after
    other.append([RECORD])
    first.append([RECORD])
    assert sequences(path) == [1, 2, 3, 4]
    assert findings(path) == []


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_line_whose_writer_died_within_it_is_cut_off(path: Path, kept: int) -> None:
    head = journal(path).append([RECORD])
    line, _ = Chain(KEY).lines(head, [RECORD])
    with path.open("ab") as file:
        file.write(line[:kept])
    journal(path).append([RECORD])
    assert sequences(path) == [1, 2]
    assert findings(path) == []


def test_a_forged_line_at_the_end_stays_for_all_to_see(path: Path) -> None:
    head = journal(path).append([RECORD])
    line, _ = Chain(bytes(range(32))).lines(head, [RECORD])
    with path.open("ab") as file:
        file.write(line)
    journal(path).append([RECORD])
    assert len(path.read_bytes().splitlines()) == 3
    assert "record 2 was changed, or another wrote it." in findings(path)


@pytest.mark.parametrize("cut", [1, 30, 1000])
def test_a_cut_off_end_is_never_mended(path: Path, cut: int) -> None:
    own = journal(path)
    for _ in range(5):
        own.append([RECORD])
    size = path.stat().st_size
    os.truncate(path, max(0, size - cut))
    head = own.append([RECORD])
    assert head.sequence == 6
    assert bool(findings(path)) is (cut > 1)  # without its last newline alone a line is as it was
    assert [one.text for one in Verifier(Chain(KEY), {"store": head}).findings(read_lines([path]))] == findings(path)


def test_a_store_that_knows_more_than_the_disk_keeps_its_numbers(path: Path) -> None:
    own = journal(path)
    own.append([RECORD] * 2)
    kept = path.read_bytes(), head_file(path).read_bytes()
    known = own.append([RECORD] * 3)
    path.write_bytes(kept[0])
    head_file(path).write_bytes(kept[1])  # as after a power cut: of both files the old state
    assert journal(path, known).append([RECORD]).sequence == 6
    assert findings(path, store=known) == ["records 3 to 5 are missing before record 6."]


def test_a_file_that_is_put_aside_is_followed_by_a_new_one(path: Path) -> None:
    first, second = journal(path), journal(path)
    first.append([RECORD])
    second.append([RECORD])
    path.rename(path.with_name("audit.log.1"))
    first.append([RECORD])
    second.append([RECORD])
    assert (sequences(path.with_name("audit.log.1")), sequences(path)) == ([1, 2], [3, 4])


@pytest.mark.parametrize("left", [b"", b"torn"])
def test_a_head_that_is_lost_is_found_in_the_file(path: Path, left: bytes) -> None:
    journal(path).append([RECORD] * 3)
    head_file(path).write_bytes(left)
    assert read_mark(path) is None
    assert journal(path).append([RECORD]).sequence == 4
    assert findings(path) == []


def test_what_was_only_half_written_is_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = journal(path)
    own.append([RECORD])
    size, write = path.stat().st_size, os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: len(data) // 2]))
        with pytest.raises(OSError, match="only a part"):
            own.append([RECORD])
    assert path.stat().st_size == size
    assert own.append([RECORD]).sequence == 2
    assert findings(path) == []


def test_a_full_disk_is_an_error_and_the_next_number_is_still_free(path: Path) -> None:
    path.symlink_to("/dev/full")
    own = journal(path)
    with pytest.raises(OSError, match="No space left") as caught:
        own.append([RECORD])
    assert caught.value.errno == errno.ENOSPC
    path.unlink()
    assert own.append([RECORD]).sequence == 1


def test_with_fsync_the_file_is_on_the_disk_before_append_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[int] = []
    flush = os.fdatasync

    def spy(descriptor: int) -> None:
        settled.append(os.fstat(descriptor).st_size)
        flush(descriptor)

    monkeypatch.setattr(os, "fdatasync", spy)
    journal(path).append([RECORD])
    assert settled == []
    journal(path, fsync=True).append([RECORD])
    assert settled == [path.stat().st_size]


def test_with_fsync_a_disk_that_fails_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        journal(path, fsync=True).append([RECORD])


def test_a_line_says_its_place_and_its_record_stays_as_it_was(path: Path) -> None:
    journal(path).append([b'{"requestParameters":{"sequence":7,"mac":"not ours"}}'])
    [line] = path.read_bytes().splitlines(keepends=True)
    assert line.startswith(b'{"requestParameters":{"sequence":7,"mac":"not ours"},"sequence":1,')
    link = read_link(line)
    assert link is not None
    assert link.head.sequence == 1
