"""What webhooks are told of rotations: in order, signed, again until it was taken, and by the outbound rule."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from detent.model.errors import BadParameter, LimitExceeded, NotFound
from detent.service import news, pausing, rotations, secrets, versions, webhooks
from detent.service.news import finds_overdue
from detent.service.pausing import paused_by
from detent.store.protocol import ROTATION_PAUSED
from servers.canary import Canary
from servers.receiver import Receiver, receiver
from servers.world import FUNCTION, LEASE_SECONDS, ROOT, World

TOKEN = "t" * 32
SIGNING = "a-secret-that-both-sides-know"


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def put(world: World, url: str, **members):
    made = world.ask(webhooks.put_webhook, name="ops", url=url, signing_secret=SIGNING, **members)
    return made.webhook


def drive(world: World) -> None:
    """Run what is due, as the rotator would: its events are news."""
    claimed = world.house.store.write(lambda tx: tx.rotations.claim_due("test", 60.0, 10))
    for rotation in claimed:
        world.house.runner().drive(rotation, lambda: True)


def begin(world: World, **members) -> None:
    """Ask for a rotation as a client would, whose events the trail's batch remembers."""
    house = world.house
    house.store.write(
        lambda tx: rotations.rotate_secret(
            house._writing.env(tx, "us-east-1"),
            ROOT,
            secret_id="app",
            client_request_token=TOKEN,
            rotation_lambda_arn=FUNCTION,
            **members,
        )
    )


def deliver(world: World) -> None:
    deliveries = world.house.deliveries()
    while deliveries.post_some():
        pass


def standing(world: World):
    [found] = world.ask(webhooks.list_webhooks)
    return found


def test_a_rotation_is_told_as_cloudevents_in_order(world: World, hook: Receiver) -> None:
    put(world, f"{hook.url}/path?key=1")
    begin(world)
    drive(world)
    deliver(world)
    assert hook.types == ["started", "succeeded"]
    first, last = (one.event for one in hook.received)
    arn = world.secret().arn
    assert first == {
        "specversion": "1.0",
        "id": hook.received[0].headers["webhook-id"],
        "source": "urn:detent:000000000000:us-east-1",
        "type": "detent.rotation.started",
        "subject": arn,
        "time": "2026-03-10T12:00:00.000Z",
        "datacontenttype": "application/json",
        "data": first["data"],
    }
    assert {name: last["data"][name] for name in ("ARN", "Name", "VersionId", "State", "Step")} == {
        "ARN": arn,
        "Name": "app",
        "VersionId": TOKEN,
        "State": "succeeded",
        "Step": "finishSecret",
    }
    assert {one.path for one in hook.received} == {"/path?key=1"}
    assert {one.headers["Content-Type"] for one in hook.received} == {"application/cloudevents+json; charset=utf-8"}
    assert standing(world).waiting == 0


def test_each_is_signed_by_the_secret_that_both_sides_know(world: World, hook: Receiver) -> None:
    put(world, hook.url)
    begin(world)
    deliver(world)
    [one] = hook.received
    signed = b".".join((one.headers["webhook-id"].encode(), one.headers["webhook-timestamp"].encode(), one.body))
    expected = base64.b64encode(hmac.digest(SIGNING.encode(), signed, hashlib.sha256)).decode()
    assert one.headers["webhook-signature"] == f"v1,{expected}"
    assert int(one.headers["webhook-timestamp"]) == int(world.clock.moment.timestamp())


def test_a_failure_is_told_with_its_scrubbed_reason_and_when_it_is_tried_again(
    world: World, hook: Receiver, canary: Canary
) -> None:
    put(world, hook.url, events=["failed"])
    begin(world)
    world.database.away = True
    drive(world)
    deliver(world)
    assert hook.types == ["failed"]
    told = hook.received[0].event["data"]
    assert "the database is away" in told["Reason"]
    assert 10 <= told["NextAttemptDate"] - world.clock.moment.timestamp() <= 20
    canary.texts.append(hook.received[0].body.decode())


def test_news_that_are_not_taken_are_sent_again_after_ever_longer_pauses_and_never_out_of_order(
    world: World, hook: Receiver
) -> None:
    put(world, hook.url)
    begin(world)
    hook.status = 503
    tried = []
    for _ in range(6):
        deliver(world)
        tried.append(len(hook.received))
        world.clock.advance(standing(world).webhook.due - world.clock.moment)
    assert tried == [1, 2, 3, 4, 5, 6]
    found = standing(world)
    assert (found.waiting, found.webhook.failures) == (1, 6)
    assert found.webhook.reason == f"{hook.url} answered 503"
    drive(world)
    hook.status, hook.received = 204, []
    deliver(world)
    assert hook.types == ["started", "succeeded"]
    assert (standing(world).webhook.failures, standing(world).webhook.reason) == (0, None)


def test_a_pause_is_an_hour_at_most(world: World) -> None:
    webhook = put(world, "https://hooks.example/")
    pauses = [replace(webhook, failures=failures).pause(1.0).total_seconds() for failures in (0, 1, 2, 10, 1000)]
    assert pauses == [5, 10, 20, 3600, 3600]
    assert webhook.pause(0.0).total_seconds() == 2.5


def test_what_is_older_than_three_days_is_let_go(world: World, hook: Receiver, caplog) -> None:
    put(world, hook.url)
    begin(world)
    world.clock.advance(timedelta(days=3, seconds=1))
    deliver(world)
    assert hook.received == []
    assert standing(world).waiting == 0
    assert "webhook ops took no news for 3 days, 0:00:00: 1 were let go" in caplog.text


def test_a_process_that_dies_while_it_posts_loses_nothing(world: World, hook: Receiver) -> None:
    put(world, hook.url)
    begin(world)
    house = world.house
    lease = timedelta(seconds=60)
    claimed = house.store.write(lambda tx: news.claim(house.server.env(tx, "us-east-1"), lease))
    assert claimed is not None
    deliver(world)
    assert hook.received == []  # somebody else has it
    world.clock.advance(lease)
    deliver(world)
    assert hook.types == ["started"]
    house.store.write(lambda tx: news.settle(house.server.env(tx, "us-east-1"), claimed, 0, "late", 1.0))
    assert standing(world).webhook.reason is None  # its claim was over


def test_a_restored_store_posts_nothing_until_it_is_resumed(world: World, hook: Receiver) -> None:
    put(world, hook.url)
    begin(world)
    now, store = world.clock.moment, world.house.store
    store.write(lambda tx: tx.keep_fact(ROTATION_PAUSED, paused_by(now, now)))
    deliver(world)
    world.clock.advance(timedelta(days=2))
    deliver(world)
    assert (hook.received, standing(world).waiting) == ([], 1)
    assert world.ask(pausing.resume_rotation).pause is None
    deliver(world)
    assert hook.types == ["started"]
    assert standing(world).waiting == 0


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://[fe80::1]/", "http://0.0.0.0:80/"])
def test_the_outbound_rule_holds_for_webhooks(world: World, url: str) -> None:
    put(world, url)
    begin(world)
    deliver(world)
    assert "is refused: link-local, metadata" in (standing(world).webhook.reason or "")


def test_one_that_is_away_holds_no_other_up(world: World, hook: Receiver) -> None:
    world.ask(webhooks.put_webhook, name="away", url="http://127.0.0.1:1/")
    put(world, hook.url)
    begin(world)
    deliver(world)
    assert hook.types == ["started"]
    away, ops = world.ask(webhooks.list_webhooks)
    assert (away.webhook.failures, ops.webhook.failures) == (1, 0)


def test_abandonment_is_told(world: World, hook: Receiver) -> None:
    put(world, hook.url, events=["abandoned"])
    begin(world)
    house, value = world.house, json.dumps(world.value())
    house.store.write(
        lambda tx: versions.put_secret_value(
            house._writing.env(tx, "us-east-1"),
            ROOT,
            secret_id="app",
            client_request_token="o" * 32,
            secret_string=value,
        )
    )
    deliver(world)
    assert hook.types == ["abandoned"]
    assert hook.received[0].event["data"]["State"] == "abandoned"


def test_a_rotation_that_is_not_done_when_its_window_closes_is_told_once_as_overdue(
    world: World, hook: Receiver
) -> None:
    put(world, hook.url, events=["overdue"])
    begin(world, rotation_rules={"automatically_after_days": 1})
    drive(world)
    world.clock.advance(timedelta(days=2))  # no server ran in the window
    house = world.house
    for _ in range(3):
        house.sweeper().chores[2](threading.Event())
    deliver(world)
    assert hook.types == ["overdue"]
    with house.store.read() as tx:
        assert tx.history.count_overdue() == 1
        assert not finds_overdue(house.server.env(tx, "us-east-1"))
    drive(world)
    with house.store.read() as tx:
        assert tx.history.count_overdue() == 0


def test_a_failed_rotation_that_waits_for_the_next_window_becomes_overdue_when_its_own_closes(
    world: World, hook: Receiver
) -> None:
    put(world, hook.url, events=["overdue"])
    begin(world, rotation_rules={"automatically_after_days": 1})
    drive(world)
    world.database.away = True
    world.clock.advance(timedelta(hours=12))
    for _ in range(5):
        drive(world)
        world.clock.advance(timedelta(minutes=3))
    world.house.sweeper().chores[2](threading.Event())
    deliver(world)
    assert hook.types == []
    world.clock.advance(timedelta(days=1))
    world.house.sweeper().chores[2](threading.Event())
    deliver(world)
    assert hook.types == ["overdue"]


def test_a_signing_secret_that_nobody_gave_is_told_once(world: World, canary: Canary) -> None:
    made = world.ask(webhooks.put_webhook, name="own", url="https://hooks.example/")
    assert made.signing_secret is not None
    canary.watch(str(made.signing_secret.reveal()))
    again = world.ask(webhooks.put_webhook, name="own", url="https://hooks.example/other")
    assert again.signing_secret is None
    with world.house.store.read() as tx:
        kept = webhooks.signing_secret_of(world.house.server.env(tx, "us-east-1"), again.webhook)
    assert kept is not None
    assert kept.reveal() == made.signing_secret.reveal()


def test_there_are_twenty_at_most_and_a_deleted_one_hears_nothing(world: World, hook: Receiver) -> None:
    for number in range(20):
        world.ask(webhooks.put_webhook, name=f"n{number}", url=hook.url)
    with pytest.raises(LimitExceeded):
        world.ask(webhooks.put_webhook, name="more", url=hook.url)
    begin(world)
    for number in range(20):
        world.ask(webhooks.delete_webhook, name=f"n{number}")
    deliver(world)
    assert hook.received == []
    with pytest.raises(NotFound):
        world.ask(webhooks.delete_webhook, name="n0")


@pytest.mark.parametrize(
    "url", ["ftp://x/", "https://", "https://user:pw@x/", "nowhere", "https://x:0/", "http://x y/"]
)
def test_what_is_no_url_is_refused(world: World, url: str) -> None:
    with pytest.raises(BadParameter):
        world.ask(webhooks.put_webhook, name="ops", url=url)


def test_rotations_that_ended_long_ago_go_and_what_a_target_may_have_stays(world: World) -> None:
    for number in range(4):
        world.rotate(f"{number}" * 32)
        world.settle()
        world.clock.advance(timedelta(days=40))
    world.house.sweeper().chores[3](threading.Event())
    with world.house.store.read() as tx:
        key = world.secret().key
        kept = [rotation.token for _, rotation in tx.rotations.page("000000000000", "us-east-1", key, None, 10)]
    assert kept == ["3" * 32, "2" * 32]  # 160 and 120 days ago are gone


def oldest(world: World) -> datetime | None:
    with world.house.store.read() as tx:
        return tx.history.oldest_credential()


def test_the_oldest_current_version_of_a_secret_that_rotates_is_found(world: World) -> None:
    assert oldest(world) is None  # nothing rotates
    world.rotate(TOKEN)
    made = world.ask(versions.list_secret_version_ids, secret_id="app").page.items[-1].created
    world.settle()
    rotated = world.clock.moment
    assert oldest(world) == rotated == made
    world.clock.advance(timedelta(days=10))
    world.rotate("o" * 32)
    assert oldest(world) == rotated  # until the new one is current
    world.settle()
    assert oldest(world) == rotated + timedelta(days=10)
    for ends, begins in ((secrets.delete_secret, secrets.restore_secret), (rotations.cancel_rotate_secret, None)):
        world.ask(ends, secret_id="app")
        assert oldest(world) is None
        if begins is not None:
            world.ask(begins, secret_id="app")
            assert oldest(world) == rotated + timedelta(days=10)


def test_leases_that_are_taken_over_are_counted(world: World) -> None:
    world.rotate(TOKEN)
    store = world.house.store
    store.write(lambda tx: tx.rotations.claim_due("lost", LEASE_SECONDS, 10))
    with store.read() as tx:
        assert tx.history.count_taken_over() == 0
    world.clock.advance(timedelta(seconds=LEASE_SECONDS + 1))
    world.settle()
    with store.read() as tx:
        assert tx.history.count_taken_over() == 1


def test_the_last_that_succeeded_is_kept_however_old(world: World) -> None:
    world.rotate(TOKEN)
    world.settle()
    world.clock.advance(timedelta(days=1000))
    world.house.sweeper().chores[3](threading.Event())
    assert world.rotation(TOKEN).token == TOKEN
    world.ask(secrets.delete_secret, secret_id="app", force_delete_without_recovery=True)
