"""IAM's evaluation once more, slow and plain, to compare `judge` with: no regular expression, nothing kept.

Written from the rules; it shares no code with the evaluator.
"""

from collections.abc import Mapping
from typing import Any

Keys = Mapping[str, tuple[str, ...]]
Statement = Mapping[str, Any]


def like(pattern: list[str | None], text: str) -> bool:
    """Whether a text fits a pattern of characters, "*" and "?" as wildcards; None before one makes it literal."""
    if not pattern:
        return text == ""
    head, rest = pattern[0], pattern[1:]
    if head is None:
        return text[:1] == rest[0] and like(rest[1:], text[1:])
    if head == "*":
        return any(like(rest, text[at:]) for at in range(len(text) + 1))
    return text != "" and head in {"?", text[0]} and like(rest, text[1:])


def read(pattern: str, keys: Keys, *, variables: bool) -> list[str | None] | None:
    """A pattern with its variables filled in; None: one of them is not there."""
    out: list[str | None] = []
    at = 0
    while at < len(pattern):
        if variables and pattern[at : at + 2] == "${":
            end = pattern.index("}", at)
            inside = pattern[at + 2 : end]
            at = end + 1
            if inside in {"*", "?", "$"}:
                out += [None, inside]
                continue
            name, _, default = inside.partition(",")
            values = keys.get(name.strip().lower())
            if values is None and default:
                values = (default.strip().strip("'"),)
            if values is None or len(values) != 1:
                return None
            for character in values[0]:
                out += [None, character]
        else:
            out.append(pattern[at])
            at += 1
    return out


def plain(pattern: str, keys: Keys, *, variables: bool) -> str | None:
    found = read(pattern, keys, variables=variables)
    return None if found is None else "".join(one for one in found if one is not None)


def fits(pattern: str, text: str, keys: Keys, *, variables: bool) -> bool | None:
    found = read(pattern, keys, variables=variables)
    return None if found is None else like(found, text)


def compares(operator: str, value: str, wanted: str, keys: Keys, *, variables: bool) -> bool:
    """Whether one value compares well with one wanted, the operator without its Not."""
    if operator == "StringLike":
        return bool(fits(wanted, value, keys, variables=variables))
    if operator in {"ArnLike", "ArnEquals"}:
        parts, patterns = value.split(":"), wanted.split(":")  # these tests' ARNs have no more colons than six parts
        return len(parts) == len(patterns) == 6 and all(
            fits(pattern, part, keys, variables=variables) for pattern, part in zip(patterns, parts, strict=True)
        )
    text = plain(wanted, keys, variables=variables)
    if text is None:
        return False
    if operator == "StringEquals":
        return value == text
    if operator in {"StringEqualsIgnoreCase", "Bool"}:
        return value.lower() == text.lower()
    left, right = float(value), float(text)
    return {
        "NumericEquals": left == right,
        "NumericLessThan": left < right,
        "NumericLessThanEquals": left <= right,
        "NumericGreaterThan": left > right,
        "NumericGreaterThanEquals": left >= right,
    }[operator]


def holds(operator: str, key: str, wanted: list[str], keys: Keys, *, variables: bool) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    values = keys.get(key.lower())
    if name == "Null":
        return any((text == "true") == (not values) for text in wanted)
    negated = "Not" in name
    positive = name.replace("Not", "")
    if not values:
        if quantifier == "ForAllValues" or if_exists:
            return True
        return negated and quantifier == ""

    def good(value: str) -> bool:
        found = False
        for text in wanted:
            found = found or compares(positive, value, text, keys, variables=variables)
        return not found if negated else found

    results = [good(value) for value in values]
    if quantifier == "ForAllValues" or (quantifier == "" and negated):
        return False not in results
    return True in results


def names(principal: Any, caller: Mapping[str, Any]) -> str:
    """How a Principal element is about the caller: not at all, by its account, or more closely."""
    listed = ["*"] if principal == "*" else principal["AWS"]
    mine = {caller["arn"], caller["role"]} if not caller["root"] else set()
    account = {caller["account"], f"arn:aws:iam::{caller['account']}:root"}
    if "*" in listed or mine & set(listed):
        return "session" if caller["role"] and caller["arn"] in listed else "closely"
    return "account" if account & set(listed) else ""


def applies(statement: Statement, caller: Mapping[str, Any], ask: Mapping[str, Any], variables: bool) -> str:
    """How a statement is about a request: "" not at all, else as `names` says."""
    keys = ask["keys"]
    how = "closely"
    if "Principal" in statement:
        how = names(statement["Principal"], caller)
    if "NotPrincipal" in statement:
        listed = statement["NotPrincipal"]["AWS"]
        account = {caller["account"], f"arn:aws:iam::{caller['account']}:root"}
        mine = set() if caller["root"] else {caller["arn"], caller["role"] or caller["arn"]}
        if "*" in listed or (account & set(listed) and mine <= set(listed)):
            how = ""
    action = ask["action"].lower()
    if "Action" in statement:
        acts = any(like(list(one.lower()), action) for one in statement["Action"])
    else:
        acts = not any(like(list(one.lower()), action) for one in statement["NotAction"])
    if "Resource" in statement:
        on = any(fits(one, ask["resource"], keys, variables=variables) for one in statement["Resource"])
    else:
        found = [fits(one, ask["resource"], keys, variables=variables) for one in statement["NotResource"]]
        on = True not in found and (statement["Effect"] == "Deny" or None not in found)
    under = True
    for operator, wanted in statement.get("Condition", {}).items():
        for key, texts in wanted.items():
            under = under and holds(operator, key, texts, keys, variables=variables)
    return how if acts and on and under else ""


def may(
    caller: Mapping[str, Any],
    ask: Mapping[str, Any],
    identity: list[Mapping[str, Any]],
    resource: Mapping[str, Any] | None,
    session: list[Mapping[str, Any]] | None,
) -> bool:
    """IAM's answer."""
    effects: dict[str, set[str]] = {"identity": set(), "resource": set(), "session": set()}
    for kind, documents in (
        ("identity", identity),
        ("resource", [] if resource is None else [resource]),
        ("session", session or []),
    ):
        for document in documents:
            for statement in document["Statement"]:
                how = applies(statement, caller, ask, document["Version"] == "2012-10-17")
                if how and statement["Effect"] == "Deny":
                    return False
                if how:
                    effects[kind].add(how)
    own = caller["root"] or bool(effects["identity"])
    within_session = session is None or bool(effects["session"])
    if caller["account"] != ask["account"]:
        return own and bool(effects["resource"]) and within_session
    if "session" in effects["resource"]:
        return True
    return (own or "closely" in effects["resource"]) and within_session
