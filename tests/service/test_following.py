"""Whatever is done to a primary, its replica is the same afterwards: random series of operations, compared."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servers.canary import Canary
from wire.premises import Premises, premises

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:fails"
TOKENS = st.sampled_from([letter * 32 for letter in "abcd"])
LABELS = st.sampled_from(["AWSCURRENT", "AWSPENDING", "X", "Y"])
TAGS = st.lists(st.fixed_dictionaries({"Key": st.sampled_from("kl"), "Value": st.sampled_from("vw")}), max_size=2)
STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
DONE = st.one_of(
    st.fixed_dictionaries(
        {"ClientRequestToken": TOKENS, "VersionStages": st.lists(LABELS, min_size=1, max_size=2)}
    ).map(lambda members: ("PutSecretValue", {"SecretString": members["ClientRequestToken"], **members})),
    TOKENS.map(lambda token: ("UpdateSecret", {"SecretString": token, "ClientRequestToken": token})),
    st.sampled_from(["", "d", "e"]).map(lambda text: ("UpdateSecret", {"Description": text})),
    st.tuples(LABELS, TOKENS, TOKENS).map(
        lambda p: (
            "UpdateSecretVersionStage",
            {"VersionStage": p[0], "MoveToVersionId": p[1], "RemoveFromVersionId": p[2]},
        )
    ),
    st.tuples(LABELS, TOKENS).map(
        lambda p: ("UpdateSecretVersionStage", {"VersionStage": p[0], "RemoveFromVersionId": p[1]})
    ),
    TAGS.map(lambda tags: ("TagResource", {"Tags": tags})),
    st.sampled_from("kl").map(lambda key: ("UntagResource", {"TagKeys": [key]})),
    st.just(("PutResourcePolicy", {"ResourcePolicy": json.dumps({"Statement": STATEMENT})})),
    st.just(("DeleteResourcePolicy", {})),
    TOKENS.map(lambda token: ("RotateSecret", {"RotationLambdaARN": FUNCTION, "ClientRequestToken": token})),
    st.just(("CancelRotateSecret", {})),
    st.just(("drive", {})),
)
FOLLOWED = ("Description", "Type", "Tags", "VersionIdsToStages", "Name")


class FailsAlways:
    def run(self, *_: Any) -> None:
        raise RuntimeError("as ever")


def asked(house: Premises, region: str, operation: str, **members: Any) -> dict[str, Any]:
    house.client.region = region
    told = house.client.call(operation, {"SecretId": "s", **members})
    house.clock.advance(seconds=1)
    return told.members if told.body else {}


def seen(house: Premises, region: str) -> dict[str, Any]:
    """Everything that a replica shares with its primary, values included."""
    described = asked(house, region, "DescribeSecret")
    listed = asked(house, region, "ListSecretVersionIds", IncludeDeprecated=True)["Versions"]
    versions = [
        {name: one.get(name) for name in ("VersionId", "VersionStages", "CreatedDate", "KmsKeyIds")} for one in listed
    ]
    values = [
        asked(house, region, "GetSecretValue", VersionId=one["VersionId"]).get("SecretString") for one in versions
    ]
    return {**{name: described.get(name) for name in FOLLOWED}, "versions": versions, "values": values}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(series=st.lists(DONE, max_size=12))
def test_a_replica_is_what_its_primary_is(tmp_path_factory: Any, canary: Canary, series: list[Any]) -> None:
    with premises(tmp_path_factory.mktemp("replicated"), {"fails": FailsAlways()}) as house:
        first = {"SecretString": canary.value(), "ClientRequestToken": "z" * 32}
        house.client.call("CreateSecret", {"Name": "s", "AddReplicaRegions": [{"Region": "eu-west-1"}], **first})
        for operation, members in series:
            if operation == "drive":
                house.drive()
            else:
                asked(house, "us-east-1", operation, **members)
            assert seen(house, "eu-west-1") == seen(house, "us-east-1")
        policy = asked(house, "us-east-1", "GetResourcePolicy").get("ResourcePolicy")
        asked(house, "eu-west-1", "StopReplicationToReplica")
        assert asked(house, "eu-west-1", "GetResourcePolicy").get("ResourcePolicy") == policy
