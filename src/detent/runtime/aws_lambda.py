"""Functions of AWS Lambda itself, called with credentials of AWS: a profile's, or those of the server's environment.

The endpoint is AWS's, or AWS_ENDPOINT_URL_LAMBDA. Other settings of endpoints are ignored: where they are made for
Detent's own clients, they point at Detent. A call is tried again only where AWS says that it did not run.
"""

import base64
import os
import threading
import time
from functools import lru_cache
from typing import Any, Final

from detent.model.arn import function_parts
from detent.model.errors import FunctionFailed
from detent.model.ports import Invocation, Invoked
from detent.runtime.telling import TimeOver

_ENDPOINT: Final = "AWS_ENDPOINT_URL_LAMBDA"
_PAUSES: Final = (0.3, 1.0)  # seconds before each further try
_CONNECT_SECONDS: Final = 5
_SLACK_SECONDS: Final = 5  # of ours beyond the function's timeout, which the other side keeps too
_CREDENTIALS: Final = (
    "give it --profile, with a profile of the AWS config file that the server sees, or set AWS_ACCESS_KEY_ID and"
    " AWS_SECRET_ACCESS_KEY in the server's environment"
)


def invoke(invocation: Invocation, arn: str, profile: str, seconds: float) -> Invoked:
    """Call the function and wait, at most so many seconds. Raises TimeOver, FunctionFailed."""
    ended: list[Invoked | Exception] = []
    thread = threading.Thread(target=_run, args=(invocation, arn, profile, seconds, ended), daemon=True)
    thread.start()
    thread.join(seconds)
    if not ended:  # boto3's call cannot be cut; it ends by its own limit, and nobody waits for it
        raise TimeOver
    if isinstance(ended[0], Exception):
        raise ended[0] from None
    return ended[0]


def forget() -> None:
    """Make clients anew at the next call: profiles may have changed."""
    _client.cache_clear()


def _run(invocation: Invocation, arn: str, profile: str, seconds: float, ended: list[Invoked | Exception]) -> None:
    try:
        ended.append(_called(invocation, arn, profile, time.monotonic() + seconds))
    except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
        ended.append(error)


def _called(invocation: Invocation, arn: str, profile: str, deadline: float) -> Invoked:
    from botocore.exceptions import (  # noqa: PLC0415 - most servers call no function of AWS's
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        EndpointConnectionError,
        NoCredentialsError,
        ProfileNotFound,
        ReadTimeoutError,
    )

    for pause in (*_PAUSES, None):
        try:
            return _answer(_once(invocation, arn, profile))
        except ReadTimeoutError:
            raise TimeOver from None
        except (NoCredentialsError, ProfileNotFound) as error:
            raise FunctionFailed(f"AWS Lambda cannot be called: {error}: {_CREDENTIALS}") from None
        except (EndpointConnectionError, ConnectTimeoutError) as error:
            reason = f"AWS Lambda does not answer: {error}"
        except ClientError as refusal:
            told = refusal.response["Error"]
            reason = f"AWS Lambda refused the call of {arn}: {told.get('Message') or 'no reason'} ({told['Code']})"
            if told["Code"] != "TooManyRequestsException":
                raise FunctionFailed(reason) from None
        except BotoCoreError as error:
            raise FunctionFailed(f"AWS Lambda cannot be called: {error}") from None
        if pause is None or time.monotonic() + pause >= deadline:
            break
        time.sleep(pause)
    raise FunctionFailed(reason)


def _once(invocation: Invocation, arn: str, profile: str) -> Any:  # noqa: ANN401 - boto3's reply
    parts = function_parts(arn)
    if parts is None:
        raise FunctionFailed(f"{arn} is no ARN of a Lambda function")
    client = _client(profile, parts.region, round(invocation.function.timeout.total_seconds()) + _SLACK_SECONDS)
    return client.invoke(FunctionName=arn, InvocationType="RequestResponse", LogType="Tail", Payload=invocation.payload)


def _answer(reply: Any) -> Invoked:  # noqa: ANN401 - as above
    log = base64.b64decode(reply.get("LogResult", "")).decode(errors="replace")
    return Invoked(reply["Payload"].read(), reply.get("FunctionError"), log)


@lru_cache(maxsize=64)
def _client(profile: str, region: str, read_timeout: int) -> Any:  # noqa: ANN401 - boto3's client
    import boto3.session  # noqa: PLC0415 - as above
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=read_timeout,
        retries={"total_max_attempts": 1},
        ignore_configured_endpoint_urls=True,
        user_agent_extra="detent",
    )
    session = boto3.session.Session(profile_name=profile or None, region_name=region)
    return session.client("lambda", endpoint_url=os.environ.get(_ENDPOINT), config=config)
