"""A replica in another account: B.19 of the API reference. Two accounts' roots on one house, over the wire's bytes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from detent.service import access
from servers.canary import Canary
from wire.answers import NOT_FOUND
from wire.premises import AppClient, Premises, premises
from wire.test_replication import ON_REPLICA

HERE, THERE = "000000000000", "111111111111"
ROLE = "arn:aws:iam::000000000000:role/replicates"


class Account:
    """One account's root."""

    def __init__(self, client: AppClient) -> None:
        self._client = client

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        if operation in {"CreateSecret", "PutSecretValue", "UpdateSecret", "RotateSecret"}:
            members = {"ClientRequestToken": str(uuid4()), **members}
        told = self._client.call(operation, members)
        assert told.status == 200, told.body
        return told.members

    def refusal(self, operation: str, **members: Any) -> tuple[str, str]:
        members = {"ClientRequestToken": str(uuid4()), **members}
        return self._client.call(operation, members).error

    def key(self) -> str:
        self._client.service = "detent"
        made = self.call("CreateKey")
        self._client.service = "secretsmanager"
        return str(made["KeyId"])


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data") as found:
        canary.texts = found.client.told
        yield found


@pytest.fixture
def here(house: Premises) -> Account:
    return Account(house.client)


@pytest.fixture
def there(house: Premises) -> Account:
    def made(tx: Any) -> tuple[str, Any]:
        return access.create_root_key(house.house.server.env(tx, "us-east-1"), THERE)

    key_id, secret = house.house.store.write(made)
    client = replace(house.client, access_key=key_id, secret_key=str(secret.reveal()))
    client.app, client.loop, client.clock = house.client.app, house.client.loop, house.clock
    return Account(client)


@pytest.fixture
def primary(here: Account, canary: Canary) -> str:
    return str(here.call("CreateSecret", Name="p", SecretString=canary.value("1"), Description="d")["ARN"])


@pytest.fixture
def replica(there: Account, primary: str) -> str:
    made = there.call("CreateSecret", Name="r", KmsKeyId=there.key(), CrossAccountPrimaryARN=primary)
    return str(made["ARN"])


@pytest.fixture
def linked(here: Account, primary: str, replica: str) -> str:
    told = here.call(
        "AssociateCrossAccountReplica", SecretId="p", CrossAccountReplicaARN=replica, ReplicationRoleARN=ROLE
    )
    assert told == {"ARN": primary, "CrossAccountReplicaARN": replica, "ReplicationStatus": "InSync"}
    return replica


def stands(account: Account, name: str) -> str:
    return str(account.call("DescribeSecret", SecretId=name)["CrossAccountPrimary"]["ReplicationStatus"])


def test_a_replica_waits_empty_until_it_is_associated(there: Account, primary: str, replica: str) -> None:
    described = there.call("DescribeSecret", SecretId=replica)
    assert described["CrossAccountPrimary"] == {"PrimarySecretARN": primary, "ReplicationStatus": "Pending"}
    assert "PrimaryRegion" not in described
    assert there.refusal("GetSecretValue", SecretId="r")[0] == "ResourceNotFoundException"


def test_both_sides_show_the_link_and_the_replica_follows(
    here: Account, there: Account, primary: str, linked: str, canary: Canary
) -> None:
    shown = {"ReplicaSecretARN": linked, "ReplicationRoleARN": ROLE, "ReplicationStatus": "InSync"}
    assert here.call("DescribeSecret", SecretId="p")["CrossAccountReplicas"] == [shown]
    described = there.call("DescribeSecret", SecretId="r")
    assert described["CrossAccountPrimary"] == {"PrimarySecretARN": primary, "ReplicationStatus": "InSync"}
    assert described["Description"] == "d"
    assert there.call("GetSecretValue", SecretId="r")["SecretString"] == canary.value("1")
    here.call("PutSecretValue", SecretId="p", SecretString=canary.value("2"))
    assert there.call("GetSecretValue", SecretId="r")["SecretString"] == canary.value("2")
    assert there.call("GetSecretValue", SecretId="r", VersionStage="AWSPREVIOUS")["SecretString"] == canary.value("1")


def test_the_replicas_values_lie_under_its_own_key(there: Account, linked: str) -> None:
    key = there.call("DescribeSecret", SecretId=linked)["KmsKeyId"]
    (version,) = there.call("ListSecretVersionIds", SecretId=linked)["Versions"]
    assert version["KmsKeyIds"] == [f"arn:aws:kms:us-east-1:{THERE}:key/{key}"]


def test_the_replicas_tags_are_its_own(here: Account, there: Account, primary: str, canary: Canary) -> None:
    tags = [{"Key": "mine", "Value": "1"}]
    made = there.call("CreateSecret", Name="t", KmsKeyId=there.key(), CrossAccountPrimaryARN=primary, Tags=tags)
    here.call("AssociateCrossAccountReplica", SecretId="p", CrossAccountReplicaARN=made["ARN"])
    here.call("PutSecretValue", SecretId="p", SecretString=canary.value("2"))
    assert there.call("DescribeSecret", SecretId="t")["Tags"] == tags


def test_associating_again_changes_nothing(here: Account, linked: str) -> None:
    told = here.call("AssociateCrossAccountReplica", SecretId="p", CrossAccountReplicaARN=linked)
    assert told["ReplicationStatus"] == "InSync"
    assert len(here.call("DescribeSecret", SecretId="p")["CrossAccountReplicas"]) == 1


def test_a_replica_is_read_only_in_its_account(there: Account, linked: str) -> None:
    assert there.refusal("PutSecretValue", SecretId=linked, SecretString="x") == ON_REPLICA
    assert there.refusal("DeleteSecret", SecretId=linked) == ON_REPLICA


def test_a_secret_has_one_cross_account_replica(here: Account, there: Account, primary: str, linked: str) -> None:
    other = there.call("CreateSecret", Name="s", KmsKeyId=there.key(), CrossAccountPrimaryARN=primary)["ARN"]
    refusal = here.refusal("AssociateCrossAccountReplica", SecretId="p", CrossAccountReplicaARN=other)
    assert refusal == ("LimitExceededException", "A primary secret can have at most one cross-account replica.")
    assert linked != other


def test_what_did_not_ask_for_this_primary_is_never_filled(here: Account, there: Account, primary: str) -> None:
    plain = there.call("CreateSecret", Name="plain")["ARN"]
    other = there.call(
        "CreateSecret", Name="other", KmsKeyId=there.key(), CrossAccountPrimaryARN=primary.replace(":p-", ":q-")
    )["ARN"]
    for arn in (plain, other):
        refusal = here.refusal("AssociateCrossAccountReplica", SecretId="p", CrossAccountReplicaARN=arn)
        message = f"The secret {arn} is not a replica of {primary}: create it with that CrossAccountPrimaryARN."
        assert refusal == ("InvalidParameterException", message)
    missing = plain.replace("plain", "missing")
    assert here.refusal("AssociateCrossAccountReplica", SecretId="p", CrossAccountReplicaARN=missing) == NOT_FOUND


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:secretsmanager:us-east-1:{HERE}:secret:x-AbCdEf",
        f"arn:aws:secretsmanager:eu-west-2:{THERE}:secret:x-AbCdEf",
        f"arn:aws-cn:secretsmanager:us-east-1:{THERE}:secret:x-AbCdEf",
        "no arn, but long enough",
    ],
)
def test_an_arn_that_cannot_be_linked_is_refused(here: Account, there: Account, primary: str, arn: str) -> None:
    told = "It must be the ARN of a secret of another account in us-east-1."
    refusal = here.refusal("AssociateCrossAccountReplica", SecretId=primary, CrossAccountReplicaARN=arn)
    assert refusal == ("InvalidParameterException", f"Invalid CrossAccountReplicaARN. {told}")
    swapped = arn.replace(HERE, "X").replace(THERE, HERE).replace("X", THERE)  # as seen from there
    refusal = there.refusal("CreateSecret", Name="n", KmsKeyId=there.key(), CrossAccountPrimaryARN=swapped)
    assert refusal == ("InvalidParameterException", f"Invalid CrossAccountPrimaryARN. {told}")


@pytest.mark.parametrize(
    "member",
    [{"SecretString": "x"}, {"Description": "x"}, {"Type": "x"}, {"AddReplicaRegions": [{"Region": "eu-west-1"}]}],
)
def test_a_replica_is_made_without_what_its_primary_gives(there: Account, primary: str, member: dict[str, Any]) -> None:
    refusal = there.refusal("CreateSecret", Name="n", KmsKeyId=there.key(), CrossAccountPrimaryARN=primary, **member)
    message = "You can't specify SecretString, SecretBinary, Description, AddReplicaRegions, or Type with"
    assert refusal == ("InvalidParameterException", f"{message} CrossAccountPrimaryARN.")


@pytest.mark.parametrize("key", [{}, {"KmsKeyId": "alias/aws/secretsmanager"}])
def test_a_replica_needs_a_key_of_its_own(there: Account, primary: str, key: dict[str, str]) -> None:
    refusal = there.refusal("CreateSecret", Name="n", CrossAccountPrimaryARN=primary, **key)
    message = "You must specify a customer managed KMS key in KmsKeyId with CrossAccountPrimaryARN."
    assert refusal == ("InvalidParameterException", message)


def test_an_association_that_cannot_be_filled_changes_neither_side(
    here: Account, there: Account, house: Premises, replica: str
) -> None:
    key = there.call("DescribeSecret", SecretId=replica)["KmsKeyId"]
    keyset = house.house.store.write(lambda tx: tx.keysets.find(key))
    assert keyset is not None
    house.house.store.write(lambda tx: tx.keysets.save(replace(keyset, enabled=False)))
    refusal = here.refusal("AssociateCrossAccountReplica", SecretId="p", CrossAccountReplicaARN=replica)
    assert refusal[0] == "InvalidRequestException"
    assert refusal[1].startswith("The replica can't follow its primary: The secret value can't be encrypted")
    assert "CrossAccountReplicas" not in here.call("DescribeSecret", SecretId="p")
    assert stands(there, "r") == "Pending"
    house.house.store.write(lambda tx: tx.keysets.save(keyset))
    told = here.call("AssociateCrossAccountReplica", SecretId="p", CrossAccountReplicaARN=replica)
    assert told["ReplicationStatus"] == "InSync"


def test_a_disassociated_replica_stays_and_follows_no_more(
    here: Account, there: Account, primary: str, linked: str, canary: Canary
) -> None:
    refusal = here.refusal("DeleteSecret", SecretId="p")
    message = f"You can't delete secret p that still has cross-account replicas [{linked}]"
    assert refusal == ("InvalidParameterException", message)
    told = here.call("DisassociateCrossAccountReplica", SecretId="p", CrossAccountReplicaARN=linked)
    assert told == {"ARN": primary, "CrossAccountReplicaARN": linked}
    assert "CrossAccountReplicas" not in here.call("DescribeSecret", SecretId="p")
    assert stands(there, "r") == "Detached"
    here.call("PutSecretValue", SecretId="p", SecretString=canary.value("2"))
    assert there.call("GetSecretValue", SecretId="r")["SecretString"] == canary.value("1")
    assert there.refusal("PutSecretValue", SecretId="r", SecretString="x") == ON_REPLICA
    refusal = here.refusal("DisassociateCrossAccountReplica", SecretId="p", CrossAccountReplicaARN=linked)
    assert refusal == ("InvalidParameterException", f"{linked} is not a cross-account replica of p.")
    here.call("DeleteSecret", SecretId="p")
    assert there.call("StopReplicationToReplica", SecretId="r") == {"ARN": linked}
    there.call("PutSecretValue", SecretId="r", SecretString=canary.value("own"))


def test_a_replica_that_leaves_is_detached_on_its_primary(
    here: Account, there: Account, linked: str, canary: Canary
) -> None:
    there.call("StopReplicationToReplica", SecretId="r")
    (shown,) = here.call("DescribeSecret", SecretId="p")["CrossAccountReplicas"]
    assert (shown["ReplicaSecretARN"], shown["ReplicationStatus"]) == (linked, "Detached")
    here.call("PutSecretValue", SecretId="p", SecretString=canary.value("2"))
    assert there.call("GetSecretValue", SecretId="r")["SecretString"] == canary.value("1")
    assert "CrossAccountPrimary" not in there.call("DescribeSecret", SecretId="r")
    here.call("DeleteSecret", SecretId="p", ForceDeleteWithoutRecovery=True)


def test_neither_account_reaches_the_others_secret(here: Account, there: Account, primary: str, linked: str) -> None:
    for account, arn in ((here, linked), (there, primary)):
        assert account.refusal("GetSecretValue", SecretId=arn)[0] == "AccessDeniedException"
        assert account.refusal("StopReplicationToReplica", SecretId=arn)[0] == "AccessDeniedException"


def test_whoever_names_a_primary_that_does_not_know_it_leaves_it_untouched(
    there: Account, house: Premises, replica: str
) -> None:
    def revision() -> int:
        with house.house.store.read() as tx:
            found = tx.secrets.named(HERE, "us-east-1", "p")
        assert found is not None
        return found.revision

    before = revision()
    there.call("UpdateSecret", SecretId=replica, KmsKeyId=there.key())
    assert there.call("StopReplicationToReplica", SecretId=replica) == {"ARN": replica}
    assert revision() == before


def test_a_replica_that_is_gone_is_never_made_anew_in_its_account(
    here: Account, there: Account, house: Premises, linked: str, canary: Canary
) -> None:
    def erased(tx: Any) -> None:  # as no operation can: it is lost from the store
        found = tx.secrets.named(THERE, "us-east-1", "r")
        tx.secrets.erase(found.key)

    house.house.store.write(erased)
    here.call("PutSecretValue", SecretId="p", SecretString=canary.value("2"))
    (shown,) = here.call("DescribeSecret", SecretId="p")["CrossAccountReplicas"]
    assert (shown["ReplicationStatus"], shown["StatusMessage"]) == ("Failed", "The replica is not there any more.")
    assert there.refusal("DescribeSecret", SecretId=linked) == NOT_FOUND
