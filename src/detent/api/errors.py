"""The table: which wire code a domain error has."""

from detent.model import errors

# (A.3) The kind of refusal decides the code; a subclass has its parent's.
CODES: dict[type[errors.DetentError], str] = {
    errors.BadParameter: "InvalidParameterException",
    errors.BadState: "InvalidRequestException",
    errors.NotFound: "ResourceNotFoundException",
    errors.Exists: "ResourceExistsException",
    errors.LimitExceeded: "LimitExceededException",
    errors.NotPermitted: "AccessDeniedException",
    errors.FailedConstraint: "ValidationException",
    errors.CannotOpen: "DecryptionFailure",
    errors.CannotSeal: "EncryptionFailure",
    errors.BadPage: "InvalidNextTokenException",
    errors.MalformedPolicy: "MalformedPolicyDocumentException",
    errors.PublicPolicy: "PublicPolicyException",
}
INTERNAL = "InternalServiceError"
NO_JSON = "The request body is not a JSON object in UTF-8."
INTERNAL_MESSAGE = "An error occurred on the server side. The server's log has the details under this request id."


class Refused(Exception):
    """The front end refuses a request before any operation sees it."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        """Take the wire's code, its message and the HTTP status."""
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def code_of(error: errors.DetentError) -> str:
    """Give a domain error's wire code."""
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)


def is_front_end(code: str) -> bool:
    """Whether the error's body says `message`, not `Message` (a Choice of the reference, A.3)."""
    return code not in _SERVICE_CODES


_SERVICE_CODES = (set(CODES.values()) - {"ValidationException"}) | {INTERNAL}
