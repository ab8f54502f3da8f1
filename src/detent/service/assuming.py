"""Temporary credentials by STS: sessions of roles and of users.

A role is assumed by whoever its trust document allows; one that names an account leaves it to that account's policies.
A role that does not exist is refused like one that may not be assumed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from detent.model.errors import BadParameter, MalformedPolicy, NotPermitted
from detent.model.identity import Identity, IdentityKind, session_arn
from detent.model.judgement import PolicyKind, Source, trusts
from detent.model.policy import Ask, Principal, Session
from detent.model.value import SecretValue
from detent.service import access
from detent.service.authorization import judged
from detent.service.conditions import Conditions, Sent, tags_sent
from detent.service.documents import DocumentKind, compiled
from detent.service.env import Env
from detent.service.identity_policies import checked_document

_ROLE_ARN = re.compile(r"arn:aws:iam::(?P<account>\d{12}):role/(?P<name>[\w+=,.@-]{1,64})", re.ASCII)
_POLICY_ARN = re.compile(r"arn:aws:iam::(?P<account>\d{12}):policy/(?P<name>[\w+=,.@-]{1,128})", re.ASCII)
_HOUR = timedelta(hours=1)
_LONGEST_OF_USER = timedelta(hours=36)
_USUAL_OF_USER = timedelta(hours=12)
_PACKED = 2048  # characters that AWS lets a session's policies and tags have


@dataclass(frozen=True, slots=True)
class Issued:
    """Temporary credentials, given out this once, and the principal they make."""

    access_key_id: str
    secret_access_key: SecretValue
    session_token: SecretValue
    expires: datetime
    principal: Principal
    packed_percent: int = 0  # of what a session's policies and tags may have


def assume_role(
    env: Env,
    caller: Principal,
    *,
    role_arn: str,
    role_session_name: str,
    duration_seconds: int | None = None,
    policy: str | None = None,
    policy_arns: Sequence[str] | None = None,
    tags: Mapping[str, str] | None = None,
    transitive_tag_keys: Sequence[str] | None = None,
    external_id: str | None = None,
    source_identity: str | None = None,
    serial_number: str | None = None,
    token_code: str | None = None,
) -> Issued:
    """Begin a session of a role."""
    _require_no_device(serial_number, token_code)
    parts = _ROLE_ARN.fullmatch(role_arn)
    if parts is None:
        raise BadParameter(f"{role_arn} is invalid")
    sent = {
        "sts:externalid": external_id,
        "sts:rolesessionname": role_session_name,
        "sts:sourceidentity": source_identity,
        "sts:transitivetagkeys": transitive_tag_keys,
        **tags_sent(tags),
    }
    needed = {"AssumeRole": True, "TagSession": bool(tags), "SetSourceIdentity": source_identity is not None}
    role = env.tx.identities.find(parts["account"], IdentityKind.ROLE, parts["name"])
    for action in (name for name, is_needed in needed.items() if is_needed):
        role = _assumable(env, caller, Ask(f"sts:{action}", role_arn, parts["account"]), role, sent)
    if role is None:
        raise AssertionError("a role that does not exist was refused")
    lasts = _lasting(caller, role, duration_seconds)
    kept = _tags(caller, tags or {}, transitive_tag_keys or ())
    identity = source_identity or (None if caller.session is None else caller.session.source_identity)
    session = Session(env.now, _policies(env, role, policy, policy_arns), kept[0], kept[1], identity)
    arn = session_arn(role.account, role.name, role_session_name)
    holder = Principal(role.account, arn, "", role=role.arn, identity=role.key, session=session)
    return _issued(env, holder, lasts, f"{role.id}:{role_session_name}")


def _assumable(env: Env, caller: Principal, ask: Ask, role: Identity | None, sent: Sent) -> Identity:
    """Give the role back. Raises NotPermitted."""
    if caller.is_root:  # AWS's own words
        raise NotPermitted("Roles may not be assumed by root accounts.")
    if role is not None and role.trust is not None:
        trust = Source(PolicyKind.RESOURCE, "trust", compiled(role.trust, DocumentKind.TRUST))
        asked = ask._replace(context=Conditions(env, caller, role.account, sent, tags=role.tags))
        if trusts(caller, asked, trust) and judged(env, caller, asked, trust).allowed:
            return role
    raise NotPermitted(f"User: {caller.arn} is not authorized to perform: {ask.action} on resource: {ask.resource}")


def _lasting(caller: Principal, role: Identity, seconds: int | None) -> timedelta:
    wanted = _HOUR if seconds is None else timedelta(seconds=seconds)
    if wanted > (role.longest_session or _HOUR):
        raise BadParameter("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    if caller.session is not None and caller.role is not None and wanted > _HOUR:
        raise BadParameter(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        )
    return wanted


def _tags(
    caller: Principal, given: Mapping[str, str], transitive: Sequence[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Join what is given with what the caller's session hands on, which nobody can change."""
    before = caller.session
    handed = {} if before is None else {key: before.tags[key] for key in before.transitive}
    if any(handed.get(key, value) != value for key, value in given.items()):
        raise BadParameter("One of the specified transitive tag keys can't be set because it conflicts with one set.")
    if not set(transitive) <= {*given, *handed}:
        raise BadParameter("One of the transitive tag keys is not the key of a tag that is passed.")
    return {**given, **handed}, tuple(sorted({*handed, *transitive}))


def _policies(env: Env, role: Identity, inline: str | None, arns: Sequence[str] | None) -> tuple[str, ...] | None:
    """Give the documents that narrow the session, as they are now: a Choice, AWS reads those named each time."""
    if inline is None and not arns:
        return None
    if inline is not None:
        checked_document(inline, DocumentKind.IDENTITY)
    return (*(() if inline is None else (inline,)), *(_document(env, role, arn) for arn in arns or ()))


def _document(env: Env, role: Identity, arn: str) -> str:
    parts = _POLICY_ARN.fullmatch(arn)
    found = None
    if parts is not None and parts["account"] == role.account:
        found = env.tx.identity_policies.find(role.account, parts["name"])
    if found is None:
        raise MalformedPolicy(f"There is no policy {arn} in the account of the role.")
    return found.document


def get_session_token(
    env: Env,
    caller: Principal,
    *,
    duration_seconds: int | None = None,
    serial_number: str | None = None,
    token_code: str | None = None,
) -> Issued:
    """Begin a session of the very user, or root, that calls; it takes no permission."""
    _require_no_device(serial_number, token_code)
    if caller.session is not None or caller.grant is not None:
        raise NotPermitted("Cannot call GetSessionToken with session credentials")
    longest = _HOUR if caller.is_root else _LONGEST_OF_USER
    usual = _HOUR if caller.is_root else _USUAL_OF_USER
    wanted = usual if duration_seconds is None else timedelta(seconds=duration_seconds)
    holder = Principal(caller.account, caller.arn, "", identity=caller.identity, session=Session(env.now))
    return _issued(env, holder, min(wanted, longest), caller.id)


def _require_no_device(serial_number: str | None, token_code: str | None) -> None:
    if serial_number is not None or token_code is not None:
        raise BadParameter("This server knows no MFA devices: leave out SerialNumber and TokenCode.")


def _issued(env: Env, holder: Principal, lasts: timedelta, unique: str) -> Issued:
    expires = env.now + lasts
    principal, secret, token = access.create_temporary_key(env, holder, expires)
    session = principal.session
    texts = () if session is None else (*(session.policies or ()), *session.tags, *session.tags.values())
    packed = min(100, sum(map(len, texts)) * 100 // _PACKED)
    return Issued(principal.access_key_id, secret, token, expires, replace(principal, id=unique), packed)
