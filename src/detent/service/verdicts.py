"""Verdicts that are kept: one holds again as long as everything that it hangs on is the same.

That is: caller, action, resource, the policies themselves, and the values of those condition keys that were asked for
on the way. Judging takes the same way again when each of them is equal, so nothing else can matter. A changed policy,
tag or identity is another object, because rows are read anew under another stamp (ADR 0008).
"""

from collections.abc import Sequence
from typing import NamedTuple

from detent.model.judgement import Source, Verdict, judge
from detent.model.policy import Ask, Context, Principal

_KEPT = 8192  # verdicts; then all are forgotten

Values = tuple[str, ...] | None


class _Kept(NamedTuple):
    caller: Principal
    identity: Sequence[Source]
    resource: Source | None
    session: Sequence[Source] | None
    seen: Sequence[tuple[str, Values]]  # condition keys, and what they gave
    verdict: Verdict

    def holds(
        self,
        caller: Principal,
        identity: Sequence[Source],
        resource: Source | None,
        session: Sequence[Source] | None,
        context: Context,
    ) -> bool:
        if not (
            self.caller is caller
            and self.identity is identity
            and self.resource is resource
            and self.session is session
        ):
            return False
        for key, values in self.seen:  # noqa: SIM110 - a generator costs as much as a key
            if context(key) != values:
                return False
        return True


_kept: dict[tuple[int, str, str, str], _Kept] = {}


def verdict(
    caller: Principal,
    ask: Ask,
    identity: Sequence[Source],
    resource: Source | None,
    session: Sequence[Source] | None,
) -> Verdict:
    """Judge as `model.judgement.judge` does, or give what it gave."""
    if caller.grant is not None:  # a step's session makes a handful of calls, and asks for versions and labels too
        return judge(caller, ask, identity=identity, resource=resource, session=session)
    place = (id(caller), ask.action, ask.resource, ask.account)
    kept = _kept.get(place)
    if kept is not None and kept.holds(caller, identity, resource, session, ask.context):
        return kept.verdict
    seen: dict[str, Values] = {}

    def watched(key: str) -> Values:
        seen[key] = ask.context(key)
        return seen[key]

    found = judge(caller, ask._replace(context=watched), identity=identity, resource=resource, session=session)
    if len(_kept) >= _KEPT:
        _kept.clear()
    _kept[place] = _Kept(caller, identity, resource, session, tuple(seen.items()), found)
    return found
