"""What the audit trail keeps of a write's reply."""

from detent.api.calls import _shown
from detent.api.identity_shapes import MadeAccessKeyReply
from detent.api.shapes import Reply
from servers.canary import Canary


class Credentials(Reply):
    access_key_id: str
    secret_access_key: str
    session_token: str


class Given(Reply):
    arn: str
    credentials: Credentials
    more: list[Credentials]


def test_what_signs_is_left_out_at_whatever_depth(canary: Canary) -> None:
    credentials = Credentials("ASIA", canary.value("secret"), canary.value("token"))
    shown = _shown(Given("arn", credentials, [credentials]))
    left = {"AccessKeyId": "ASIA"}
    assert shown == {"arn": "arn", "credentials": left, "more": [left]}


def test_a_new_access_key_is_shown_without_its_secret(canary: Canary) -> None:
    made = MadeAccessKeyReply(
        access_key_id="AKIA", state="active", created_date=1.5, secret_access_key=canary.value("secret")
    )
    assert _shown(made) == {"accessKeyId": "AKIA", "state": "active", "createdDate": 1.5}
    canary.texts += [repr(made), str([made]), f"{made}"]
