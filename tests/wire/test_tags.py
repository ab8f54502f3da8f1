"""TagResource and UntagResource: B.6, B.14 and C.10 of the API reference."""

import pytest

from servers.detent import RunningDetent
from wire.answers import NOT_FOUND, constraint, new_name, refused
from wire.raw import RawClient, raw_client


@pytest.fixture
def name(client) -> str:
    name = new_name()
    client.create_secret(Name=name)
    return name


def _tags(client, name: str) -> list[tuple[str, str]]:
    return [(tag["Key"], tag["Value"]) for tag in client.describe_secret(SecretId=name)["Tags"]]


def _as_members(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs]


def test_tags_keep_the_order_in_which_they_came_and_are_overwritten_by_key(client, name: str) -> None:
    client.tag_resource(SecretId=name, Tags=_as_members(("z", "1"), ("a", "2")))
    client.tag_resource(SecretId=name, Tags=_as_members(("m", "3"), ("z", "4"), ("Z", "")))
    assert _tags(client, name) == [("z", "4"), ("a", "2"), ("m", "3"), ("Z", "")]


def test_tags_are_removed_by_key_and_unknown_keys_are_ignored(client, name: str) -> None:
    client.tag_resource(SecretId=name, Tags=_as_members(("a", "1"), ("b", "2")))
    client.untag_resource(SecretId=name, TagKeys=["a", "never"])
    assert _tags(client, name) == [("b", "2")]


def test_the_list_is_empty_after_the_last_tag_and_absent_before_the_first(client, name: str) -> None:
    client.untag_resource(SecretId=name, TagKeys=["never"])
    assert "Tags" not in client.describe_secret(SecretId=name)
    client.tag_resource(SecretId=name, Tags=_as_members(("a", "1")))
    client.untag_resource(SecretId=name, TagKeys=["a"])
    assert client.describe_secret(SecretId=name)["Tags"] == []


def test_the_answer_has_an_empty_body(detent: RunningDetent, name: str) -> None:
    raw = raw_client(detent)
    for operation, members in (
        ("TagResource", {"Tags": _as_members(("a", "1"))}),
        ("UntagResource", {"TagKeys": ["a"]}),
    ):
        told = raw.call(operation, {"SecretId": name, **members})
        assert (told.status, told.body) == (200, b"")
        assert told.headers["content-type"] == "application/x-amz-json-1.1"


def test_an_empty_list_of_tags_changes_nothing(client, name: str) -> None:
    client.tag_resource(SecretId=name, Tags=[])
    assert "Tags" not in client.describe_secret(SecretId=name)
    client.untag_resource(SecretId=name, TagKeys=[])
    assert "Tags" not in client.describe_secret(SecretId=name)


def test_the_fifty_first_tag_is_refused(client, name: str) -> None:
    client.tag_resource(SecretId=name, Tags=_as_members(*((f"k{n}", "") for n in range(50))))
    client.tag_resource(SecretId=name, Tags=_as_members(("k0", "overwritten")))
    with refused(("InvalidParameterException", "A secret can have at most 50 tags.")):
        client.tag_resource(SecretId=name, Tags=_as_members(("one more", "")))
    assert len(_tags(client, name)) == 50


def test_a_change_of_tags_is_a_change_of_the_secret(client, name: str) -> None:
    before = client.describe_secret(SecretId=name)["LastChangedDate"]
    client.tag_resource(SecretId=name, Tags=_as_members(("a", "1")))
    between = client.describe_secret(SecretId=name)["LastChangedDate"]
    client.untag_resource(SecretId=name, TagKeys=["a"])
    assert before < between < client.describe_secret(SecretId=name)["LastChangedDate"]


def test_keys_of_the_reserved_prefix_are_refused(client, name: str) -> None:
    expected = ("InvalidParameterException", "Tag keys that begin with aws: are reserved.")
    for call in (
        lambda tags: client.tag_resource(SecretId=name, Tags=tags),
        lambda tags: client.create_secret(Name=new_name(), Tags=tags),
    ):
        with refused(expected):
            call(_as_members(("aws:mine", "x")))


@pytest.mark.parametrize("pair", [("a*", "v"), ("k", "v;"), ("k\n", "v"), ("k", "<v>"), ("k,", "")])
def test_forbidden_characters_are_refused(client, name: str, pair: tuple[str, str]) -> None:
    with refused(
        (
            "InvalidParameterException",
            "Tag keys and values may hold letters, digits, spaces, and any of the following: _.:/=+-@",
        )
    ):
        client.tag_resource(SecretId=name, Tags=_as_members(pair))


def test_letters_of_every_script_and_the_permitted_punctuation_are_admitted(client, name: str) -> None:
    pair = ("Schlüssel 1_.:/=+-@", "値 ٣")
    client.tag_resource(SecretId=name, Tags=_as_members(pair))
    assert _tags(client, name) == [pair]


def test_what_every_operation_on_a_secret_refuses_is_refused(client) -> None:
    with refused(NOT_FOUND):
        client.tag_resource(SecretId=new_name(), Tags=_as_members(("a", "1")))
    with refused(NOT_FOUND):
        client.untag_resource(SecretId=new_name(), TagKeys=["a"])


@pytest.mark.parametrize(
    ("operation", "members", "failure"),
    [
        (
            "TagResource",
            {},
            "Value null at 'tags' failed to satisfy constraint: Member must not be null",
        ),
        (
            "UntagResource",
            {"TagKeys": None},
            "Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
        ),
        (
            "TagResource",
            {"Tags": [{"Key": "fine", "Value": ""}, {"Key": "", "Value": ""}]},
            (
                "Value '' at 'tags.2.member.key' failed to satisfy constraint:"
                " Member must have length greater than or equal to 1"
            ),
        ),
        (
            "TagResource",
            {"Tags": [{"Key": "k", "Value": "v" * 257}]},
            (
                f"Value '{'v' * 257}' at 'tags.1.member.value' failed to satisfy constraint:"
                " Member must have length less than or equal to 256"
            ),
        ),
        (
            "UntagResource",
            {"TagKeys": ["k" * 129]},
            (
                f"Value '{'k' * 129}' at 'tagKeys.1.member' failed to satisfy constraint:"
                " Member must have length less than or equal to 128"
            ),
        ),
    ],
)
def test_constraints_name_the_member_of_the_list(detent: RunningDetent, operation, members, failure) -> None:
    assert raw_client(detent).call(operation, {"SecretId": "any", **members}).error == constraint(failure)


def test_a_tag_without_a_value_has_an_empty_one(detent: RunningDetent, client, name: str) -> None:
    raw: RawClient = raw_client(detent)
    for tag in ({"Key": "absent"}, {"Key": "null", "Value": None}):
        assert raw.call("TagResource", {"SecretId": name, "Tags": [tag]}).status == 200
    assert _tags(client, name) == [("absent", ""), ("null", "")]
