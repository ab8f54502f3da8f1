"""What is sealed of users' own functions, all of it under the root keyset: environments, logs, waiting events."""

import json
from collections.abc import Mapping

from detent.model.errors import CannotOpen
from detent.model.function import FunctionKey
from detent.model.keyset import ROOT_KEYSET_ID
from detent.model.value import SealedValue, SecretValue
from detent.service.env import Env
from detent.store.protocol import StaleFunctionPart


def sealed_environment(env: Env, key: FunctionKey, variables: Mapping[str, str]) -> SealedValue:
    """Seal a function's variables, bound to its ARN."""
    return env.server.keyset.seal(SecretValue(json.dumps(dict(variables))), _context("environment", key, ""))


def opened_environment(env: Env, key: FunctionKey) -> Mapping[str, str]:
    """Open a function's variables; a function that is not there has none. Raises CannotOpen."""
    sealed = env.tx.functions.environment(key)
    if sealed is None:
        return {}
    variables: dict[str, str] = json.loads(_opened(env, sealed, _context("environment", key, "")))
    return variables


def sealed_text(env: Env, kind: str, key: FunctionKey, request_id: str, text: str) -> SealedValue:
    """Seal a `log` or an `event`, bound to its function and its invocation."""
    return env.server.keyset.seal(SecretValue(text), _context(kind, key, request_id))


def opened_text(env: Env, kind: str, key: FunctionKey, request_id: str, sealed: SealedValue) -> str:
    """Open what `sealed_text` made. Raises CannotOpen."""
    return _opened(env, sealed, _context(kind, key, request_id))


def reseal(env: Env, part: StaleFunctionPart) -> None:
    """Seal something anew by the root keyset's primary key. Raises CannotOpen."""
    context = _context(part.kind, part.function, part.request_id)
    keyset = env.server.keyset
    env.tx.functions.reseal(part, keyset.seal(keyset.open(part.sealed, context), context))


def _context(kind: str, key: FunctionKey, request_id: str) -> str:
    return f"function {kind}\n{key.arn}\n{request_id}"


def _opened(env: Env, sealed: SealedValue, context: str) -> str:
    if sealed.keyset_id != ROOT_KEYSET_ID:
        raise CannotOpen
    return str(env.server.keyset.open(sealed, context).reveal())
