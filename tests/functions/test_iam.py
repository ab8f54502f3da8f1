"""The function detent-iam-issued-keys: what a rotation does to a user's two keys, its tags, and what else is there."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.httpsession import URLLib3Session

from functions.fuse import CALLS, Fuse, Killed
from functions.iam_story import KEY, Story
from functions.stories import STEPS
from servers.iam import IamTarget


@pytest.fixture
def story(iam: IamTarget) -> Story:
    return Story(iam)


def test_three_rotations_leave_exactly_the_current_and_the_previous_key_each_with_its_versions_tag(
    story: Story,
) -> None:
    story.iam.iam.tag_user(UserName=story.user, Tags=[{"Key": "team", "Value": "build"}])
    first = story.key("AWSCURRENT")
    story.rotate(times=2)
    assert story.ids() == {first, story.key("AWSCURRENT")}
    for _ in range(2):
        former = story.client.value(story.arn)
        token = story.rotate(times=2)
        assert story.ids() == {former[KEY], story.key("AWSCURRENT")}
        assert story.iam.alive(former)
        tags = story.tags()
        assert tags.pop("team") == "build"
        assert tags.keys() == story.ids()
        assert tags[story.key("AWSCURRENT")].startswith("detent ")
        assert tags[story.key("AWSCURRENT")].endswith(token)
        assert tags[former[KEY]].endswith(story.version("AWSPREVIOUS"))


@pytest.mark.parametrize("then", ["the same rotation", "another rotation"])
def test_killed_at_any_call_of_create_secret_a_user_has_current_and_previous_in_the_end_and_no_tag_too_many(
    iam: IamTarget, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    length, burnt_out, story = 0, False, Story(iam)
    story.rotate()
    while not burnt_out:
        length += 1
        token, fuse = story.started(), Fuse(length)
        with monkeypatch.context() as patched:
            patched.setattr(URLLib3Session, "send", fuse.burning(URLLib3Session.send))
            for name in CALLS:
                patched.setattr(story.client, name, fuse.burning(getattr(story.client, name)))
            try:
                story.step("createSecret", token)
                burnt_out = True
            except Killed:
                pass
        assert len(story.ids()) <= 2
        assert story.alive("AWSCURRENT")
        if then == "the same rotation":
            for step in STEPS:
                story.step(step, token)
            assert story.alive("AWSPREVIOUS")
            assert story.ids() == {story.key("AWSCURRENT"), story.key("AWSPREVIOUS")}
        story.rotate()
        assert story.alive("AWSCURRENT")
        assert story.alive("AWSPREVIOUS")
        assert story.ids() == {story.key("AWSCURRENT"), story.key("AWSPREVIOUS")} == story.tags().keys()
    assert length > 20


def test_a_key_that_somebody_else_made_is_never_deleted_and_the_refusal_names_it(story: Story) -> None:
    foreign = story.iam.issue(story.user)
    token = story.started()
    for _ in range(2):
        text = story.refusal("createSecret", token)
        assert f"nothing here says that {foreign[KEY]} may go: delete it in IAM" in text
        assert text.endswith("rotate again")  # no admin secret would help
        assert story.ids() == {story.key("AWSCURRENT"), foreign[KEY]}
        assert story.tags() == {}
    story.iam.iam.delete_access_key(UserName=story.user, AccessKeyId=foreign[KEY])
    for step in STEPS:
        story.step(step, token)
    assert story.alive("AWSCURRENT")
    assert story.alive("AWSPREVIOUS")


def test_a_key_that_a_version_names_is_this_secrets_whoever_made_it(story: Story) -> None:
    by_hand = {**story.client.value(story.arn), **story.iam.issue(story.user)}
    story.client.store(story.arn, by_hand)
    story.rotate()
    assert story.ids() == {by_hand[KEY], story.key("AWSCURRENT")}


def test_two_secrets_of_one_user_do_not_end_each_others_keys(story: Story) -> None:
    other = Story(story.iam, story.client.value(story.arn))
    other.rotate()
    story.iam.iam.delete_access_key(UserName=story.user, AccessKeyId=other.key("AWSPREVIOUS"))
    story.client.store(story.arn, {**story.client.value(story.arn), **story.iam.issue(story.user)})
    for one, beside in ((story, other), (other, story)):
        assert f"nothing here says that {beside.key('AWSCURRENT')} may go" in one.refusal("createSecret", one.started())
        assert story.alive("AWSCURRENT")
        assert other.alive("AWSCURRENT")


def broken_off(story: Story, monkeypatch: pytest.MonkeyPatch) -> str:
    """Begin a rotation that ends when it has said that it is about to make a key."""
    token, length = story.started(), 0
    while "detent-issuing" not in story.tags():
        length += 1
        with monkeypatch.context() as patched:
            patched.setattr(URLLib3Session, "send", Fuse(length).burning(URLLib3Session.send))
            with pytest.raises(Killed):
                story.step("createSecret", token)
    assert len(story.ids()) == 1
    return token


def test_a_key_that_a_person_made_after_a_rotation_broke_off_is_not_taken_for_its_own(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = broken_off(story, monkeypatch)
    mark, _, *known = story.tags()["detent-issuing"].split()
    earlier = f"{datetime.now(UTC) - timedelta(minutes=2):%Y-%m-%dT%H:%M:%S%z}"
    value = " ".join([mark, earlier, *known])
    story.iam.iam.tag_user(UserName=story.user, Tags=[{"Key": "detent-issuing", "Value": value}])
    by_hand = story.iam.issue(story.user)
    assert by_hand[KEY] in story.refusal("createSecret", token)
    assert by_hand[KEY] in story.ids()


@pytest.mark.parametrize("odd", ["", "canary", "a b", "a 2026-01-01 c", "mark 2026-13-41T00:00:00+0000"])
def test_a_tag_that_only_looks_like_ours_makes_no_key_ours(story: Story, odd: str) -> None:
    story.iam.iam.tag_user(UserName=story.user, Tags=[{"Key": "detent-issuing", "Value": odd}])
    foreign = story.iam.issue(story.user)
    story.iam.iam.tag_user(UserName=story.user, Tags=[{"Key": foreign[KEY], "Value": "detention centre"}])
    assert foreign[KEY] in story.refusal("createSecret", story.started())
    assert foreign[KEY] in story.ids()


def test_an_inactive_current_key_is_kept_and_the_one_that_works_too(story: Story) -> None:
    story.rotate()
    dead = story.key("AWSCURRENT")
    story.iam.iam.update_access_key(UserName=story.user, AccessKeyId=dead, Status="Inactive")
    assert f"nothing here says that {dead} may go" in story.refusal("createSecret", story.started())
    assert len(story.ids()) == 2
    story.iam.iam.delete_access_key(UserName=story.user, AccessKeyId=dead)
    story.rotate()
    assert story.alive("AWSCURRENT")
    assert len(story.ids()) == 2
