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
# What Lambda calls the same kinds, and what only it refuses.
_LAMBDA_CODES: dict[type[errors.DetentError], str] = {
    **CODES,
    errors.BadParameter: "InvalidParameterValueException",
    errors.BadState: "ResourceConflictException",
    errors.Exists: "ResourceConflictException",
    errors.LimitExceeded: "TooManyRequestsException",
    errors.CannotOpen: "KMSInvalidStateException",
    errors.CannotSeal: "KMSInvalidStateException",
    errors.BadPage: "InvalidParameterValueException",
    errors.MalformedPolicy: "InvalidParameterValueException",
    errors.StaleFunction: "PreconditionFailedException",
    errors.FunctionPolicyTooLong: "PolicyLengthExceededException",
}
LAMBDA_STATUSES = {  # HTTP's; any other error has the front end's own
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InvalidSignatureException": 403,
    "KMSInvalidStateException": 502,
    "MissingAuthenticationTokenException": 403,
    "PreconditionFailedException": 412,
    "RequestTooLargeException": 413,
    "ResourceConflictException": 409,
    "ResourceNotFoundException": 404,
    "ServiceException": 500,
    "TooManyRequestsException": 429,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
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


def code_of(error: errors.DetentError, *, of_lambda: bool = False) -> str:
    """Give a domain error's wire code; Lambda has names of its own."""
    codes = _LAMBDA_CODES if of_lambda else CODES
    return next(codes[kind] for kind in type(error).__mro__ if kind in codes)


def is_front_end(code: str) -> bool:
    """Whether the error's body says `message`, not `Message` (a Choice of the reference, A.3)."""
    return code not in _SERVICE_CODES


_SERVICE_CODES = (set(CODES.values()) - {"ValidationException"}) | {INTERNAL}
