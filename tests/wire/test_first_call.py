import json

from servers.canary import Canary
from servers.detent import RunningDetent


def test_a_secret_comes_back_as_it_was_stored(detent: RunningDetent, canary: Canary) -> None:
    client = detent.client()
    value = json.dumps({"password": canary.value()})
    made = client.create_secret(Name="first/call", SecretString=value)
    read = client.get_secret_value(SecretId=made["ARN"])
    assert (read["SecretString"], read["VersionStages"]) == (value, ["AWSCURRENT"])
