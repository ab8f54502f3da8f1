"""`detent layers`: real pip, on wheels of our own."""

import stat
from pathlib import Path

import pytest

from cli.command import detent, refusal, success
from cli.packages import drivers, requirements, wheel
from detent.main.layers import Layers

ARN = "arn:aws:lambda:us-east-1:000000000000:layer"


def found(data: Path, name: str) -> Path:
    layer = Layers(data / "layers").find(f"{ARN}:{name}:1")
    assert layer is not None
    return layer


def build(data: Path, name: str, *packages: Path) -> str:
    listed = requirements(data.parent, *packages)
    return success(detent("layers", "build", name, "--requirements", listed, "--data", data))


def test_a_layer_is_built_of_a_requirements_file_and_told_by_its_arn(data: Path, tmp_path: Path) -> None:
    assert build(data, "mine", wheel(tmp_path, "one"), wheel(tmp_path, "two", "2.1")) == (
        f"mine holds one 1.0, two 2.1.\nName it by --layer mine, or by {ARN}:mine:1\n"
    )
    assert (found(data, "mine") / "python" / "one.py").read_text() == "VERSION = '1.0'\n"
    assert not list(found(data, "mine").rglob("*.pyc"))
    shown = success(detent("layers", "list", "--data", data)).splitlines()
    assert shown[1].split() == ["mine", f"{ARN}:mine:1", "one", "1.0,", "two", "2.1"]


def test_whatever_account_a_function_runs_as_can_read_it_and_others_do_not_reach_it(data: Path, tmp_path: Path) -> None:
    build(data, "mine", wheel(tmp_path, "one"))
    for path in (found(data, "mine"), *found(data, "mine").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044
    assert stat.S_IMODE((data / "layers").stat().st_mode) == 0o700


def test_a_build_takes_the_place_of_the_one_before_which_stays_for_those_that_use_it(
    data: Path, tmp_path: Path
) -> None:
    folders = []
    for version in ("1.0", "2.0", "3.0"):
        build(data, "mine", wheel(tmp_path, "one", version))
        folders.append(found(data, "mine"))
    assert [folder.exists() for folder in folders] == [False, True, True]
    assert "3.0" in (folders[-1] / "python" / "one.py").read_text()
    assert "2.0" in (folders[-2] / "python" / "one.py").read_text()


def test_a_build_that_fails_leaves_what_was_there(data: Path, tmp_path: Path) -> None:
    build(data, "mine", wheel(tmp_path, "one"))
    before = found(data, "mine")
    wrong = tmp_path / "wrong.txt"
    for text, said in (("--no-index\nnothing-here\n", "nothing-here"), ("a b c\n", "Invalid requirement")):
        wrong.write_text(text)
        told = refusal(detent("layers", "build", "mine", "--requirements", wrong, "--data", data))
        assert told.startswith("the packages were not installed: ")
        assert said in told
    assert found(data, "mine") == before
    assert [path.name for path in before.parent.iterdir()] == ["1"]
    missing = refusal(detent("layers", "build", "mine", "--requirements", tmp_path / "none", "--data", data))
    assert "Could not open requirements file" in missing


def test_the_drivers_are_what_is_built_when_nothing_else_is_said(data: Path, tmp_path: Path) -> None:
    shown = success(detent("layers", "build", "drivers", "--data", data, env=drivers(tmp_path)))
    for package in ("cryptography 1.0", "pymongo 3.13", "PyGreSQL 1.0", "influxdb_client 1.0"):
        assert package in shown
    assert "left out" not in shown


def test_a_driver_that_cannot_be_had_is_told_and_left_out_unless_all_are_asked_for(data: Path, tmp_path: Path) -> None:
    found_by = drivers(tmp_path, "PyGreSQL")
    said = refusal(detent("layers", "build", "drivers", "--strict", "--data", data, env=found_by))
    assert said.startswith("the drivers were not installed: ")
    assert "PyGreSQL" in said
    assert Layers(data / "layers").names() == []
    shown = success(detent("layers", "build", "drivers", "--data", data, env=found_by))
    assert shown.startswith("PyGreSQL is left out: Could not find a version that satisfies the requirement PyGreSQL")
    assert "PyMySQL 1.0" in shown
    assert "holds PyGreSQL" not in shown


def test_without_any_driver_there_is_no_layer(data: Path, tmp_path: Path) -> None:
    nothing = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = detent("layers", "build", "drivers", "--data", data, env=nothing)
    assert done.returncode == 1
    assert "none of the drivers can be installed here" in done.stderr
    assert success(detent("layers", "list", "--data", data)).startswith("There are no layers: detent layers build")


def test_what_is_no_name_is_refused(data: Path) -> None:
    layers = Layers(data / "layers")
    for name in ("..", "a/b", "", ".hidden", "a b", "x" * 141):
        with pytest.raises(ValueError, match="1 to 140 letters"), layers.building(name):
            pytest.fail("it is built")
    said = refusal(detent("layers", "build", "..", "--data", data))
    assert said.startswith("the name of a layer is of 1 to 140 letters")
    assert layers.names() == []


def test_only_arns_of_a_layer_that_is_there_are_found(data: Path, tmp_path: Path) -> None:
    build(data, "mine", wheel(tmp_path, "one"))
    layers = Layers(data / "layers")
    assert layers.find("arn:aws:lambda:eu-west-1:123456789012:layer:mine:1") == found(data, "mine")
    for arn in ("mine", f"{ARN}:mine", f"{ARN}:mine:2", f"{ARN}:other:1", f"{ARN}:..:1", f"{ARN}:.builds:1", ""):
        assert layers.find(arn) is None
