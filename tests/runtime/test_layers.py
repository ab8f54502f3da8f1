"""Layers: what lies in /opt."""

from collections.abc import Callable
from pathlib import Path

import pytest

from detent.model.errors import FunctionFailed
from runtime.workshop import Workshop

ONE, TWO = (f"arn:aws:lambda:eu-west-1:123456789012:layer:{name}:1" for name in ("one", "two"))
SOURCE = """
    import driver, os
    def handler(event, context):
        return [driver.NAME, driver.__file__, sorted(os.listdir(os.path.dirname(driver.__file__)))]
    """


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        folder = tmp_path / "data" / "layers" / name / "python"
        folder.mkdir(parents=True)
        (folder / "driver.py").write_text(f"NAME = 'of {name}'")
        (folder / f"{name}.py").write_text("")
    (tmp_path / "data").chmod(0o700)
    return tmp_path / "data" / "layers"


@pytest.fixture(params=["bubblewrap", "own-user", "unconfined"])
def layered(request: pytest.FixtureRequest, make_workshop: Callable[..., Workshop], layers: Path) -> Workshop:
    workshop = make_workshop(confinement=request.param, layer=lambda arn: layers / arn.split(":")[-2])
    if request.param == "own-user":
        workshop.environment = request.getfixturevalue("readable_python")
    return workshop


def test_a_layer_is_on_pythons_path_and_read_only(layered: Workshop) -> None:
    name, where, _ = layered.invoke(layered.function(SOURCE, layers=(ONE,))).value
    assert name == "of one"
    if layered.options["confinement"] == "bubblewrap":
        assert where == "/opt/python/driver.py"


def test_of_several_layers_the_last_counts_and_all_are_there(layered: Workshop) -> None:
    for layers, name in (((ONE, TWO), "of two"), ((TWO, ONE), "of one")):
        found, _, names = layered.invoke(layered.function(SOURCE, layers=layers)).value
        assert found == name
        assert {"one.py", "two.py", "driver.py"} <= set(names)


def test_a_layer_that_was_built_anew_is_what_new_processes_see(layered: Workshop, layers: Path) -> None:
    function = layered.function(SOURCE, layers=(ONE, TWO))
    assert layered.invoke(function).value[0] == "of two"
    (layers / "two").rename(layers / "old")
    (layers / "two" / "python").mkdir(parents=True)
    (layers / "two" / "python" / "driver.py").write_text("NAME = 'rebuilt'")
    layered.runtime.forget(function)
    assert layered.invoke(function).value[0] == "rebuilt"


def test_a_bootstrap_may_come_from_a_layer(layered: Workshop, layers: Path) -> None:
    bootstrap = layers / "one" / "bootstrap"
    bootstrap.write_text("#!/bin/sh\necho from the layer; exit 1")
    bootstrap.chmod(0o755)
    assert "from the layer\n" in layered.invoke(layered.function({"x": ""}, layers=(ONE,))).log


def test_a_layer_that_is_not_here_is_named(layered: Workshop) -> None:
    missing = ONE.replace("one", "missing")
    function = layered.function(SOURCE, layers=(missing,), name="needy")
    with pytest.raises(FunctionFailed, match=f"The function needy needs the layer {missing}, and there is none"):
        layered.invoke(function)
