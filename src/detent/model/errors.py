"""Every domain error, under one root.

The direct children of `DetentError` are the kinds of refusal a caller can meet; `api.errors` maps each kind to a wire
code. A class's docstring is its default message.
"""

from detent.model.faults import Fault


class DetentError(Exception):
    """Something was refused."""

    keeps_changes = False  # True: what the operation wrote before it refused is committed all the same

    def __init__(self, message: str | None = None) -> None:
        """Take the class's docstring as message when none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip())


class BadParameter(DetentError):
    """A parameter is not valid."""


class BadState(DetentError):
    """The request does not fit the secret's present state."""


class NotFound(DetentError):
    """What was asked for does not exist."""


class Exists(DetentError):
    """What was to be made exists already."""


class LimitExceeded(DetentError):
    """A limit would be exceeded."""


class NotPermitted(DetentError):
    """The caller may not do this."""


class FailedConstraint(DetentError):
    """A member of the request breaks a constraint of its shape."""


class CannotOpen(DetentError):
    """The secret value can't be decrypted: its key is missing from this server's keyset."""


class CannotSeal(DetentError):
    """The secret value can't be encrypted: the KMS key is disabled. Enable it, or name another."""


class BadPage(DetentError):
    """The NextToken is invalid: it belongs to another request, or was changed."""


class MalformedPolicy(DetentError):
    """This resource policy contains a syntax error."""


class PublicPolicy(DetentError):
    """You can't attach a resource-based policy that allows broad access to the secret."""


class SecretNotFound(NotFound):
    """Secrets Manager can't find the specified secret."""


class VersionNotFound(NotFound):
    """No such version."""

    def __init__(self, version_id: str) -> None:
        """Name the version id that was asked for."""
        super().__init__(f"Secrets Manager can't find the specified secret value for VersionId: {version_id}")


class LabelNotFound(NotFound):
    """No version carries the label."""

    def __init__(self, label: str) -> None:
        """Name the staging label that was asked for."""
        super().__init__(f"Secrets Manager can't find the specified secret value for staging label: {label}")


class LabelNotOnVersion(BadState):
    """You provided a VersionStage that is not associated to the provided VersionId."""


class MarkedForDeletion(BadState):
    """You can't perform this operation on the secret because it was marked for deletion."""


class OnReplica(BadParameter):
    """Operation not permitted on a replica secret. Call must be made in primary secret's region."""


class RotationIncomplete(BadState):
    """A previous rotation isn't complete. That rotation will be reattempted."""

    keeps_changes = True  # the refusal itself makes the old rotation due again (D.3)


class PolicyNotFound(NotFound):
    """Secrets Manager can't find the specified resource policy."""  # the reference has no wording: a Choice


class UnsupportedPrincipal(MalformedPolicy):
    """This resource policy contains an unsupported principal."""


class UnsupportedServicePrincipal(MalformedPolicy):
    """This resource policy contains an unsupported service principal."""


class LocksOut(MalformedPolicy):
    """Your requested changes will not allow you to manage this secret in the future."""  # its kind is a Choice (G.1)


class StaleFunction(BadState):
    """The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetPolicy API to retrieve the
    latest RevisionId."""  # noqa: D205, D209 - AWS's sentence


class FunctionPolicyTooLong(LimitExceeded):
    """The final policy size is bigger than the limit (20480)."""


class TooManyEvents(LimitExceeded):
    """Too many events wait for this function already: try again later."""


class TokenInUse(Exists):
    """The version id is taken."""

    def __init__(self, token: str, arn: str) -> None:
        """Name the token and the secret whose version has it."""
        super().__init__(
            f"You can't use ClientRequestToken {token} because that value is already in use for a version"
            f" of secret {arn}."
        )


class StaleRevision(Exception):
    """Another writer changed the row since it was read; read it again. Ours to handle, never a caller's."""


class ReadOnlyTransaction(Exception):
    """A read transaction was asked to write; run the same work again in a write transaction."""


class FunctionFailed(Exception):
    """A rotation function did not complete its step; the message is the reason, free of secret values."""

    def __init__(self, reason: str, fault: Fault = Fault.OTHER) -> None:
        """Say what kind of failure it was, where the function told."""
        super().__init__(reason)
        self.fault = fault
