"""`docs/how-to/rotate-an-ssh-key.md` names the keys that the engine takes, and its example is a value."""

import json
import re
from pathlib import Path

from detent.functions.builtin import BUILTIN
from detent.functions.engines import ssh as engine
from detent.functions.values import parsed_value

PAGE = (Path(__file__).parent.parent.parent / "docs/how-to/rotate-an-ssh-key.md").read_text(encoding="utf-8")


def test_the_pages_examples_are_values_and_its_function_is_one() -> None:
    secret, admin = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    assert parsed_value(json.dumps(secret), "AWSCURRENT", engine) == secret
    assert parsed_value(json.dumps({**secret, **admin}), "AWSCURRENT", engine)["username"] == "root"
    assert set(re.findall(r"function:([\w-]+)", PAGE)) <= BUILTIN.keys()


def test_every_key_that_only_this_engine_knows_is_in_the_pages_table() -> None:
    assert set(engine.FACTS.keys) <= set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
