"""ARNs and regions: how what there is is named across accounts and regions."""

import re
from typing import NamedTuple

# The regions of AWS's commercial partition: each is a namespace of its own here too (botocore 1.44.5 lists the same).
COMMERCIAL_REGIONS = frozenset(
    """af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1
    ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1
    eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1
    me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2""".split()  # noqa: SIM905 - names read better than forty quotes
)
REGION_NAME = re.compile(r"([a-z]+-)+\d+")  # the reference's pattern (B.0)

_SUFFIX = 7  # the hyphen and six characters that end a secret's ARN
_SECRET = re.compile(r"arn:[^:]+:secretsmanager:([^:]+):([^:]+):secret:(.+)", re.DOTALL)
_FUNCTION = re.compile(
    r"arn:aws[a-z-]*:lambda:([a-z0-9-]+):(\d{12}):function:([A-Za-z0-9_-]{1,64}(?::[A-Za-z0-9_$-]+)?)"
)

_LAYER = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:layer:([A-Za-z0-9_-]{1,140}):1")


class Arn(NamedTuple):
    """What an ARN says."""

    region: str
    account: str
    rest: str  # what comes after the resource's kind

    @property
    def name(self) -> str:
        """The name of a secret, if this is a whole ARN of one."""
        return self.rest[:-_SUFFIX]


def partition(region: str) -> str:
    """Give the partition that a region belongs to, as AWS names them."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def secret_arn(region: str, account: str, rest: str) -> str:
    """Give a secret's ARN; `rest` is its name with the suffix."""
    return f"arn:{partition(region)}:secretsmanager:{region}:{account}:secret:{rest}"


def secret_parts(arn: str) -> Arn | None:
    """Take a secret's ARN apart, whole or without its suffix; None: it is none."""
    parts = _SECRET.fullmatch(arn)
    return None if parts is None else Arn(*parts.groups())


def function_parts(arn: str) -> Arn | None:
    """Take a Lambda function's ARN apart; None: it is none."""
    parts = _FUNCTION.fullmatch(arn)
    return None if parts is None else Arn(*parts.groups())


def function_arn(account: str, region: str, name: str) -> str:
    """Give a Lambda function's ARN, unqualified."""
    return f"arn:{partition(region)}:lambda:{region}:{account}:function:{name}"


def layer_arn(account: str, region: str, name: str) -> str:
    """Give the ARN by which a function names a layer of this server. There is one version of each."""
    return f"arn:{partition(region)}:lambda:{region}:{account}:layer:{name}:1"


def layer_name(arn: str) -> str | None:
    """Give the name of the layer whose ARN this may be; a server's layers are the same in every region and account."""
    parts = _LAYER.fullmatch(arn)
    return None if parts is None else parts[1]


def in_region(arn: str, region: str) -> str:
    """Give the ARN that a secret has as a replica in another region: nothing but the region differs (C.2)."""
    parts = secret_parts(arn)
    if parts is None:
        raise AssertionError("a secret has an ARN")
    return secret_arn(region, parts.account, parts.rest)
