"""The calls that make changes, in an order in which nothing refers to what is not there yet."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from detent.cli.acting import Acting
from detent.cli.declaration import ADMIN_SECRET, KEY, POLICY, RESOURCE_POLICY, ROLE, ROTATION, USER, Members, Thing
from detent.cli.difference import Change

_KINDS: Final = (POLICY, USER, ROLE, KEY, RESOURCE_POLICY, ADMIN_SECRET, ROTATION)
_MEMBERS: Final = {USER: "UserName", ROLE: "RoleName", POLICY: "PolicyName"}
_ROLES_OWN: Final = {"trust", "max_session_seconds", "tags"}
# A new role's trust for as long as it would name a role that is not there yet: nobody may assume it.
_NOBODY: Final = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}]}'
)


class Step(NamedTuple):
    """One call, and of which change it is a part."""

    change: Change
    call: Callable[[Acting], object]


def steps(changes: tuple[Change, ...]) -> Iterator[Step]:
    """Order the calls: what is referred to before what refers to it, deletions last and the other way round."""
    of = {kind: [one for one in changes if one.thing.kind == kind and one.after is not None] for kind in _KINDS}
    new = {one.thing for one in of[ROLE] if one.before is None}
    for change in (*of[POLICY], *of[KEY], *of[USER]):
        yield from _written(change)
    yield from (_created_role(one, new) for one in of[ROLE] if one.before is None)
    yield from (_updated_role(one) for one in of[ROLE] if one.before is not None and _ROLES_OWN & set(one.changed))
    yield from (_trusting(one) for one in of[ROLE] if one.before is None and _waits(one, new))
    for change in (*of[USER], *of[ROLE]):
        yield from _held(change)
    for change in of[RESOURCE_POLICY]:
        yield _put_resource_policy(change)
    for change in of[ADMIN_SECRET]:
        admin = (change.after or {})["admin"]
        yield _call(change, "attach_admin_secret", SecretId=change.thing.name, AdminSecretId=admin)
    yield from (_rotating(one) for one in of[ROTATION])  # after the admin secrets, whose links it asks for
    for kind in (ROTATION, ADMIN_SECRET, RESOURCE_POLICY, ROLE, USER, POLICY):
        yield from (_deleted(one) for one in changes if one.thing.kind == kind and one.after is None)


def _written(change: Change) -> Iterator[Step]:
    """Make or change a policy, a key or a user, without what a user has."""
    kind, name = change.thing.kind, change.thing.name
    members = change.after or {}
    verb = "create" if change.before is None else "update"
    if kind == POLICY:
        yield _call(change, f"{verb}_policy", PolicyName=name, PolicyDocument=members["document"].text)
    elif kind == KEY:
        yield _call(change, "create_key", Alias=name)
    elif change.before is None or "tags" in change.changed:
        yield _call(change, f"{verb}_user", UserName=name, Tags=_tags(members["tags"]))


def _waits(change: Change, new: set[Thing]) -> bool:
    """Whether a new role's trust names a role, perhaps itself, that is not there before all are."""
    trust = (change.after or {})["trust"].canonical
    return any(f"role/{role.name}" in trust for role in new)


def _created_role(change: Change, new: set[Thing]) -> Step:
    members = _role(change.after or {}, _ROLES_OWN)
    return _call(change, "create_role", RoleName=change.thing.name, **members | _nobody_yet(change, new))


def _nobody_yet(change: Change, new: set[Thing]) -> dict[str, str]:
    return {"TrustPolicy": _NOBODY} if _waits(change, new) else {}


def _updated_role(change: Change) -> Step:
    """Send only what differs: a trust that names somebody who is gone by now can stay, but not be written again."""
    members = _role(change.after or {}, _ROLES_OWN & set(change.changed))
    return _call(change, "update_role", RoleName=change.thing.name, **members)


def _trusting(change: Change) -> Step:
    return _call(change, "update_role", RoleName=change.thing.name, **_role(change.after or {}, {"trust"}))


def _role(members: Members, wanted: Collection[str]) -> dict[str, Any]:
    given = {
        "trust": ("TrustPolicy", members["trust"].text),
        "max_session_seconds": ("MaxSessionSeconds", members["max_session_seconds"]),
        "tags": ("Tags", _tags(members["tags"])),
    }
    return dict(given[name] for name in wanted)


def _held(change: Change) -> Iterator[Step]:
    """Detach first: there is a limit to how many one can have."""
    before, after = (set((members or {}).get("policies", ())) for members in (change.before, change.after))
    holder = {_MEMBERS[change.thing.kind]: change.thing.name}
    for verb, names in (("detach_policy", before - after), ("attach_policy", after - before)):
        for name in sorted(names):
            yield _call(change, verb, PolicyName=name, **holder)


def _put_resource_policy(change: Change) -> Step:
    text = (change.after or {})["document"].text
    return Step(
        change,
        lambda caller: caller.secrets.put_resource_policy(SecretId=change.thing.name, ResourcePolicy=text),
    )


def _rotating(change: Change) -> Step:
    """Turn rotation on, which rotates now as it does with AWS; another schedule alone only tests the configuration."""
    wish = (change.after or {})["rotation"]
    now = change.before is None or change.before["rotation"].function != wish.function
    members = {"RotationLambdaARN": wish.function, "RotationRules": dict(wish.rules), "RotateImmediately": now}
    return Step(change, lambda caller: caller.secrets.rotate_secret(SecretId=change.thing.name, **members))


def _deleted(change: Change) -> Step:
    kind, name = change.thing.kind, change.thing.name
    if kind == RESOURCE_POLICY:
        return Step(change, lambda caller: caller.secrets.delete_resource_policy(SecretId=name))
    if kind == ROTATION:
        return Step(change, lambda caller: caller.secrets.cancel_rotate_secret(SecretId=name))
    if kind == ADMIN_SECRET:
        return _call(change, "detach_admin_secret", SecretId=name)
    return _call(change, f"delete_{kind}", **{_MEMBERS[kind]: name})


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _call(change: Change, operation: str, **members: Any) -> Step:  # noqa: ANN401 - the API's
    return Step(change, lambda caller: getattr(caller.own, operation)(**members))
