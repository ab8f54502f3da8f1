"""What `detent functions add --path` makes of a folder."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from cli.packages import requirements, wheel
from detent.cli import function_code
from detent.cli.failure import CommandFailed
from detent.cli.function_code import Code, packed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "code"
    (made / "inner").mkdir(parents=True)
    (made / "lambda_function.py").write_text("import inner.more\n")
    (made / "inner" / "more.py").write_text("")
    return made


def unpacked(code: Code) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(code.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_folder_is_zipped_without_what_is_no_code(folder: Path) -> None:
    for name in (".git/config", "__pycache__/x.pyc", "inner/__pycache__/x.pyc", ".venv/pyvenv.cfg", ".env"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    assert sorted(unpacked(packed(folder, None))) == [".env", "inner/more.py", "lambda_function.py"]


def test_the_same_files_give_the_same_zip(folder: Path) -> None:
    first = packed(folder, None)
    os.utime(folder / "lambda_function.py", (1, 1))
    (folder / "inner" / "more.py").chmod(0o600)
    assert packed(folder, None) == first
    (folder / "inner" / "more.py").write_text("x = 1\n")
    assert packed(folder, None) != first


def test_what_is_executable_stays_so_and_a_bootstrap_is_seen(folder: Path) -> None:
    (folder / "bootstrap").write_text("#!/bin/sh\n")
    (folder / "bootstrap").chmod(0o700)
    code = packed(folder, None)
    assert code.has_bootstrap
    with zipfile.ZipFile(io.BytesIO(code.content)) as archive:
        modes = {entry.filename: (entry.external_attr >> 16) & 0o777 for entry in archive.infolist()}
    assert modes == {"bootstrap": 0o755, "inner/more.py": 0o644, "lambda_function.py": 0o644}


def test_packages_lie_beside_the_code_which_goes_before_them(folder: Path, tmp_path: Path) -> None:
    one = wheel(tmp_path, "one", files={"one.py": "", "lambda_function.py": "of the package"})
    found = unpacked(packed(folder, requirements(tmp_path, one)))
    assert found["lambda_function.py"] == b"import inner.more\n"
    assert {"one.py", "one-1.0.dist-info/METADATA"} <= set(found)
    again = unpacked(packed(folder, requirements(tmp_path, one)))
    assert found == again


def test_packages_that_cannot_be_had_are_named(folder: Path, tmp_path: Path) -> None:
    wanted = requirements(tmp_path)
    wanted.write_text("--no-index\nnothing-here\n")
    with pytest.raises(CommandFailed, match=r"requirements.txt were not installed: .*nothing-here"):
        packed(folder, wanted)


def test_a_zip_is_taken_as_it_is(folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "code.zip"
    made.write_bytes(packed(folder, None).content)
    assert packed(made, None) == packed(folder, None)
    made.write_bytes(b"no zip")
    assert packed(made, None) == Code(b"no zip", has_bootstrap=False)  # the server says what is wrong with it
    with pytest.raises(CommandFailed, match="--requirements goes with a folder"):
        packed(made, requirements(tmp_path))


def test_a_link_within_the_folder_is_what_it_leads_to(folder: Path) -> None:
    (folder / "again.py").symlink_to("lambda_function.py")
    assert unpacked(packed(folder, None))["again.py"] == b"import inner.more\n"


def test_nothing_from_outside_the_folder_is_packed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("x")
    for link, target, said in (
        ("a", "../private", "leads out of the folder"),
        ("b", "/etc", "is a link to a folder"),
        ("c", "gone", "is no file"),
    ):
        (folder / link).symlink_to(target)
        with pytest.raises(CommandFailed, match=f"{link} is.*{said.removeprefix('is ')}|{said}"):
            packed(folder, None)
        (folder / link).unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(CommandFailed, match="pipe is no file that a zip can hold"):
        packed(folder, None)


def test_what_is_missing_or_too_large_is_told(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandFailed, match=r"cannot read .*none: No such file"):
        packed(tmp_path / "none", None)
    monkeypatch.setattr(function_code, "_LARGEST", 10)
    with pytest.raises(CommandFailed, match="code is larger than a function may be"):
        packed(folder, None)
