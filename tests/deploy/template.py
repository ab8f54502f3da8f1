"""deploy/aws/template.yaml as data: a tag of CloudFormation's is a dict, such as ``{"Ref": name}``."""

from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parent.parent.parent / "deploy" / "aws" / "template.yaml"


class _Loader(yaml.SafeLoader):
    pass


def _tagged(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    match node:
        case yaml.SequenceNode():
            return {tag: loader.construct_sequence(node, deep=True)}
        case yaml.ScalarNode():
            return {tag: loader.construct_scalar(node)}
    raise AssertionError(f"{node.start_mark}: an unknown kind of {tag}")


_Loader.add_multi_constructor("!", _tagged)


def read() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=_Loader)
    return found


def statements() -> dict[str, dict[str, Any]]:
    """The role's statements by their Sid, those under a condition too."""
    (policy,) = read()["Resources"]["Role"]["Properties"]["Policies"]
    listed = policy["PolicyDocument"]["Statement"]
    plain = [one["If"][1] if "If" in one else one for one in listed]
    return {one["Sid"]: one for one in plain}


def allowed_actions(service: str = "secretsmanager") -> list[str]:
    """What the role may do with a service."""
    found: set[str] = set()
    for statement in statements().values():
        actions = statement["Action"]
        found.update([actions] if isinstance(actions, str) else actions)
    return sorted(action for action in found if action.startswith(f"{service}:"))
