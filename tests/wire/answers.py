"""What the reference says in answer, and asserting that boto3 was told just that."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

NOT_FOUND = ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
MARKED = (
    "InvalidRequestException",
    "You can't perform this operation on the secret because it was marked for deletion.",
)
BAD_NAME = (
    "ValidationException",
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
)
NO_TOKEN = "You must provide a ClientRequestToken value. We recommend a UUID-type value."
NO_VALUE = ("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
BOTH_VALUES = (
    "InvalidParameterException",
    "You can't specify both a binary secret value and a string secret value in the same secret.",
)
SHORT_TOKEN = ("InvalidParameterException", "ClientRequestToken must be 32-64 characters long.")
MISMATCH = (
    "InvalidSignatureException",
    (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access"
        " Key and signing method. Consult the service documentation for details."
    ),
)
UNKNOWN_KEY = ("UnrecognizedClientException", "The security token included in the request is invalid.")
BAD_PAGE = ("InvalidNextTokenException", "The NextToken is invalid: it belongs to another request, or was changed.")
SYNTAX_ERROR = ("MalformedPolicyDocumentException", "This resource policy contains a syntax error.")
INCOMPLETE = (
    "InvalidRequestException",
    "A previous rotation isn't complete. That rotation will be reattempted.",
)


def token_used(token: str, arn: str) -> tuple[str, str]:
    return (
        "ResourceExistsException",
        f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}.",
    )


def no_label(label: str) -> tuple[str, str]:
    return (
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for staging label: {label}",
    )


def no_version(version_id: str) -> tuple[str, str]:
    return (
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for VersionId: {version_id}",
    )


def constraint(*failures: str) -> tuple[str, str]:
    plural = "error" if len(failures) == 1 else "errors"
    return ("ValidationException", f"{len(failures)} validation {plural} detected: {'; '.join(failures)}")


def not_authorized(caller: str, action: str, resource: str, policy: str = "identity-based policy") -> tuple[str, str]:
    return (
        "AccessDeniedException",
        (
            f"User: {caller} is not authorized to perform: {action} on resource: {resource}"
            f" because no {policy} allows the {action} action"
        ),
    )


def not_shared(caller: str, action: str, arn: str) -> tuple[str, str]:
    """What root is told of a secret of another account, be it there or not."""
    return not_authorized(caller, action, arn, "resource-based policy")


@contextmanager
def refused(expected: tuple[str, str]) -> Iterator[None]:
    """The call inside is refused with this code and this message, and with status 400."""
    with pytest.raises(ClientError) as caught:
        yield
    reply = caught.value.response
    assert (reply["Error"]["Code"], reply["Error"]["Message"]) == expected
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 400


def new_token() -> str:
    return str(uuid4())


def new_name(rest: str = "") -> str:
    return f"wire/{uuid4().hex}{rest}"
