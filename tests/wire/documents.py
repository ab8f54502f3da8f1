"""Policy documents, good and bad, as texts."""

import json
from typing import Any

OWN, NEIGHBOUR, STRANGER = "000000000000", "111111111111", "999999999999"
ROOT = f"arn:aws:iam::{OWN}:root"
USER = f"arn:aws:iam::{NEIGHBOUR}:user/reader"
GET, PUT = "secretsmanager:GetSecretValue", "secretsmanager:PutResourcePolicy"


def statement(**changed: Any) -> dict[str, Any]:
    """A good statement with some elements changed; None takes one away."""
    members = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": GET, "Resource": "*", **changed}
    return {name: value for name, value in members.items() if value is not None}


def document(*statements: dict[str, Any], **changed: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements) or [statement()], **changed})


def deny(**changed: Any) -> dict[str, Any]:
    return statement(**{"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:*", **changed})


def narrowed(operator: str, key: str, value: Any) -> dict[str, Any]:
    return statement(Principal={"AWS": "*"}, Condition={operator: {key: value}})


GOOD = [
    document(Version="2008-10-17"),
    document(Id="an id"),
    json.dumps({"Statement": statement()}),
    document(statement(Principal="*")),
    document(statement(Principal={"AWS": "*"})),
    document(statement(Principal={"AWS": [OWN, ROOT, "*"], "Service": "lambda.amazonaws.com"})),
    document(statement(Principal={"Service": ["logs.us-east-1.amazonaws.com", "rds.amazonaws.com"]})),
    document(statement(Principal=None, NotPrincipal={"AWS": ROOT}, Effect="Deny", Action=GET)),
    document(statement(Principal=None, NotPrincipal={"AWS": OWN}, Effect="Deny", Action="*")),
    document(statement(Action=None, NotAction=[PUT, GET])),
    document(statement(Action=["*", "SecretsManager:get*", "secretsmanager:??tSecretValue"])),
    document(statement(Resource=["*", "arn:aws:secretsmanager:us-east-1:*:secret:wire/*"])),
    document(statement(Resource="arn:aws:secretsmanager:*:${aws:PrincipalAccount}:secret:*-??????")),
    document(statement(Resource=None, NotResource="arn:aws:secretsmanager:eu-west-1:1:secret:other")),
    document(statement(Sid="one"), statement(Sid="two"), statement(), statement(Sid="")),
    document(statement(Condition={})),
    document(statement(Condition={"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}})),
    document(statement(Condition={"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": ["a*", "b"]}})),
    document(statement(Condition={"ForAllValues:StringNotEqualsIgnoreCase": {"aws:TagKeys": "x"}})),
    document(statement(Condition={"NumericLessThanEquals": {"secretsmanager:RecoveryWindowInDays": 7}})),
    document(statement(Condition={"NumericEquals": {"secretsmanager:RecoveryWindowInDays": ["7", 8.5]}})),
    document(statement(Condition={"Bool": {"aws:SecureTransport": False}, "Null": {"aws:TokenIssueTime": "true"}})),
    document(statement(Condition={"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "2001:db8::/32"]}})),
    document(statement(Condition={"DateGreaterThan": {"aws:CurrentTime": ["2026-01-01T00:00:00Z", 1767225600]}})),
    document(statement(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}})),
    document(statement(Condition={"StringEquals": {"secretsmanager:ResourceTag/a key: b": "${aws:username}"}})),
]

NO_DOCUMENT = [
    "no JSON",
    "null",
    "[]",
    '"text"',
    "{",
    "[" * 20000,
    '{"Statement": NaN}',
    document() + "{}",
    document().replace('"Version"', '"Statement": [], "Version"'),
    document().replace('"Effect"', '"Effect": "Deny", "Effect"'),
]
SYNTAX_ERRORS = [
    "{}",
    document(Version="2012-10-18"),
    document(Version=20121017),
    document(Id=7),
    document(Id=None),
    document(Statement=[]),
    document(Statement=None),
    document(Statement="x"),
    document(Statement=[[statement()]]),
    document(Other="x"),
    document(statement(Other="x")),
    document(statement(effect="Allow")),
    document(statement(Effect=None)),
    document(statement(Effect="allow")),
    document(statement(Effect=["Allow"])),
    document(statement(Effect={"Allow": 1})),
    document(statement(Principal=None)),
    document(statement(Principal=ROOT)),
    document(statement(Principal=["*"])),
    document(statement(Principal={})),
    document(statement(Principal={"AWS": []})),
    document(statement(Principal={"AWS": 111111111111})),
    document(statement(Principal={"AWS": [None]})),
    document(statement(Principal={"AWS": None})),
    document(statement(Principal={"CanonicalUser": "x"})),
    document(statement(NotPrincipal={"AWS": ROOT})),
    document(statement(Action=None)),
    document(statement(Action=[])),
    document(statement(Action="GetSecretValue")),
    document(statement(Action="s3:GetObject")),
    document(statement(Action="secretsmanager:")),
    document(statement(Action="secretsmanager:Get Secret")),
    document(statement(Action=[GET, 1])),
    document(statement(NotAction=GET)),
    document(statement(Resource=None)),
    document(statement(Resource=[])),
    document(statement(Resource="")),
    document(statement(Resource="wire/name")),
    document(statement(Resource="arn:aws:s3:::bucket")),
    document(statement(Resource="arn:aws:s3:*")),
    document(statement(NotResource="*")),
    document(statement(Sid=7)),
    document(statement(Sid="same"), statement(Sid="same")),
    document(statement(Condition=[])),
    document(statement(Condition="x")),
    document(statement(Condition={"StringEquals": "x"})),
    document(statement(Condition={"Equals": {"aws:SourceIp": "x"}})),
    document(statement(Condition={"ForSome:StringEquals": {"aws:SourceIp": "x"}})),
    document(statement(Condition={"ForAnyValue:": {"aws:SourceIp": "x"}})),
    document(statement(Condition={"IfExists": {"aws:SourceIp": "x"}})),
    document(statement(Condition={"NullIfExists": {"aws:SourceIp": "true"}})),
    document(statement(Condition={"StringEquals": {"nocolon": "x"}})),
    document(statement(Condition={"StringEquals": {"aws:x": []}})),
    document(statement(Condition={"StringEquals": {"aws:x": {}}})),
    document(statement(Condition={"StringEquals": {"aws:x": [["x"]]}})),
    document(statement(Condition={"NumericEquals": {"aws:x": "seven"}})),
    document(statement(Condition={"Bool": {"aws:x": "yes"}})),
    document(statement(Condition={"IpAddress": {"aws:SourceIp": "1.2.3"}})),
    document(statement(Condition={"NotIpAddress": {"aws:SourceIp": "everywhere"}})),
    document(statement(Condition={"DateEquals": {"aws:CurrentTime": "tomorrow"}})),
]
