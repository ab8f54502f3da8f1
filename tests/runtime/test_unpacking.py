"""Zips that are wrong or worse."""

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from detent.model.errors import FunctionFailed
from detent.runtime.limits import Limits
from detent.runtime.unpacking import BadCode, flaw, unpack
from runtime.workshop import Workshop, zipped

SMALL = Limits(unpacked_bytes=1024 * 1024, entries=5)


def with_mode(mode: int, name: str = "entry", content: bytes = b"/etc/passwd") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, content)
    return made.getvalue()


def lying(blob: bytes, size: int, claimed: int) -> bytes:
    """Have the table of contents claim another size."""
    return blob.replace(size.to_bytes(4, "little"), claimed.to_bytes(4, "little"))


def damaged(blob: bytes) -> bytes:
    return blob.replace(b"print", b"prinz")


def packed(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large", content)
    return made.getvalue()


BAD = {
    "text": (b"PK is how they begin", "The code is no zip file"),
    "nothing": (b"", "The code is no zip file"),
    "cut off": (zipped({"app.py": "print()"})[:-30], "The code is no zip file"),
    "upwards": (zipped({"../app.py": ""}), r"entry '\.\./app\.py' leads out of its folder"),
    "upwards inside": (zipped({"a/../../app.py": ""}), "leads out of its folder"),
    "absolute": (zipped({"/etc/cron.d/job": ""}), "leads out of its folder"),
    "a link": (with_mode(stat.S_IFLNK | 0o777), "is a link or a device"),
    "a device": (with_mode(stat.S_IFCHR | 0o666), "is a link or a device"),
    "a pipe": (with_mode(stat.S_IFIFO | 0o666), "is a link or a device"),
    "many": (zipped({f"file{number}": "" for number in range(6)}), "has 6 entries; 5 are allowed"),
    "large": (packed(bytes(1024 * 1024 + 1)), "unpacks to more than 1 MiB"),
}
BAD_INSIDE = {
    "damaged": (damaged(zipped({"app.py": "print()"})), "'app.py' cannot be unpacked: Bad CRC-32"),
    "lying": (lying(packed(bytes(2_000_000)), 2_000_000, 5), "cannot be unpacked|more than 1 MiB"),
    "a file where a folder is": (zipped({"a": "x", "a/b": "x"}), "'a/b' cannot be unpacked"),
    "a name too long": (zipped({"n" * 300: ""}), "cannot be unpacked: .*File name too long"),
}


@pytest.mark.parametrize(("blob", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_a_zip_is_told_before_it_is_unpacked(blob: bytes, said: str) -> None:
    with pytest.raises(BadCode, match=said):
        raise BadCode(flaw(blob, SMALL))


@pytest.mark.parametrize(("blob", "said"), (BAD | BAD_INSIDE).values(), ids=BAD | BAD_INSIDE)
def test_a_bad_zip_is_refused_and_nothing_is_left_outside(tmp_path: Path, blob: bytes, said: str) -> None:
    folder = tmp_path / "inner" / "folder"
    folder.mkdir(parents=True)
    with pytest.raises(BadCode, match=said):
        unpack(blob, folder, SMALL)
    assert list(tmp_path.iterdir()) == [tmp_path / "inner"]
    assert list((tmp_path / "inner").iterdir()) == [folder]


def test_a_good_zip_keeps_its_folders_and_what_is_executable(tmp_path: Path) -> None:
    blob = zipped({"bootstrap": "#!/bin/sh", "lib/deep/module.py": "x = 1", "empty/": ""})
    assert flaw(blob, SMALL) is None
    unpack(blob, tmp_path, SMALL)
    modes = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {
        "bootstrap": 0o555,
        "lib": 0o555,
        "lib/deep": 0o555,
        "lib/deep/module.py": 0o444,
        "empty": 0o555,
    }


def test_modes_that_give_other_rights_are_not_taken_over(tmp_path: Path) -> None:
    unpack(with_mode(stat.S_IFREG | 0o6777), tmp_path, SMALL)
    assert stat.S_IMODE((tmp_path / "entry").stat().st_mode) == 0o555


def test_a_function_with_a_bad_zip_is_refused_in_one_line(workshop: Workshop) -> None:
    function = workshop.function(zipped({"../app.py": ""}), runtime="python3.11", name="bad")
    with pytest.raises(FunctionFailed) as refused:
        workshop.invoke(function)
    assert str(refused.value) == (
        "The code of the function bad cannot be used. The zip's entry '../app.py' leads out of its folder."
    )
    assert os.listdir(workshop.folder / "data" / "functions" / "code") == []  # noqa: PTH208 - as many names as there are
