"""deploy/aws/template.yaml as data, and as CloudFormation makes resources of it for given parameters."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

TEMPLATE: Final = Path(__file__).parent.parent.parent / "deploy" / "aws" / "template.yaml"
_AWS: Final = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::URLSuffix": "amazonaws.com",
}
_NOTHING: Final = object()  # what AWS::NoValue stands for: the key, or the entry of a list, is not there


class _Loader(yaml.SafeLoader):
    """Makes a tag of CloudFormation's a dict, such as ``{"!Ref": name}``."""


def _tagged(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        return {f"!{tag}": loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.ScalarNode), node.start_mark
    return {f"!{tag}": loader.construct_scalar(node)}


_Loader.add_multi_constructor("!", _tagged)


def template() -> dict[str, Any]:
    read: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=_Loader)
    return read


def resources(**parameters: str) -> dict[str, Any]:
    """Make the resources' properties."""
    read = template()
    defaults = {name: str(given["Default"]) for name, given in read["Parameters"].items() if "Default" in given}
    values = {"FunctionName": "rotate-orders", "Runtime": "python3.12", **defaults, **parameters}
    for name, given in read["Parameters"].items():
        assert re.fullmatch(given.get("AllowedPattern", ".*"), values[name]), name
        assert values[name] in map(str, given.get("AllowedValues", [values[name]])), name
    made = _Deployment(values, read["Conditions"])
    return {name: made.of(resource["Properties"]) for name, resource in read["Resources"].items()}


class _Deployment:
    def __init__(self, values: dict[str, str], conditions: dict[str, Any]) -> None:
        self._values, self._conditions = {**_AWS, **values}, conditions

    def of(self, given: Any) -> Any:
        if isinstance(given, list):
            return [one for one in map(self.of, given) if one is not _NOTHING]
        if not isinstance(given, dict):
            return given
        tag, said = next(iter(given.items()))
        if tag.startswith("!"):
            return getattr(self, f"_{tag[1:].lower()}")(said)
        made = {key: self.of(inner) for key, inner in given.items()}
        return {key: inner for key, inner in made.items() if inner is not _NOTHING}

    def _ref(self, name: str) -> Any:
        return _NOTHING if name == "AWS::NoValue" else self._values[name]

    def _getatt(self, name: str) -> str:
        return f"<{name}>"

    def _sub(self, text: str) -> str:
        return re.sub(r"\$\{(.+?)\}", lambda found: self._values[found[1]], text)

    def _if(self, said: list[Any]) -> Any:
        condition, then, otherwise = said
        return self.of(then if self.of(self._conditions[condition]) else otherwise)

    def _not(self, said: list[Any]) -> bool:
        return not self.of(said[0])

    def _equals(self, said: list[Any]) -> bool:
        return bool(self.of(said[0]) == self.of(said[1]))

    def _join(self, said: list[Any]) -> str:
        return str(self.of(said[1])).replace(",", "")  # of a list, which is one text with commas here


def statements(**parameters: str) -> dict[str, dict[str, Any]]:
    """Give the role's statements by their Sid."""
    (policy,) = resources(**parameters)["Role"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def allowed_actions() -> list[str]:
    """Give what the role of a function with an admin secret may do with secrets."""
    role = statements(AdminSecretArn="arn:aws:secretsmanager:eu-central-1:123456789012:secret:admin")
    listed = [statement["Action"] for statement in role.values()]
    actions = {action for one in listed for action in ([one] if isinstance(one, str) else one)}
    return sorted(action for action in actions if action.startswith("secretsmanager:"))
