"""The access keys of one user, as a rotation changes them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from detent.functions.abilities import Issued, Key
from detent.functions.engines import Remaining, time_limit
from detent.functions.engines.iam import marks
from detent.functions.engines.iam.access import Access
from detent.functions.engines.iam.failures import Missing, refusal, rejection
from detent.functions.errors import ChangeRefused, LoginRejected, NoRoom
from detent.functions.passwords import Password

_MOST: Final = 2  # AWS: the access keys that a user may have


class IamSession:
    """A key that signs for its user."""

    def __init__(self, access: Access, remaining: Remaining) -> None:
        self._access = access
        self._login = access.login
        self._remaining = remaining
        self._proven = False
        self._answered = ""  # when IAM answered last, by its own clock
        self._revoked: set[str] = set()  # IAM may list them for some seconds more

    def prove(self) -> None:
        """List the user's keys. Raises LoginRejected where this one is none of them, or is inactive."""
        own = self._access.key_id
        status = {key["AccessKeyId"]: key["Status"] for key in self._keys(self._login.username)}.get(own)
        if status is None:
            raise LoginRejected(f"the key is good, but it is none of user {self._login.username!r}", self._access.mode)
        if status != "Active":
            raise LoginRejected("login refused: the access key is inactive", self._access.mode)
        self._proven = True

    def ping(self) -> None:
        """List the user's keys once more."""
        self._keys(self._login.username)

    def close(self) -> None:
        """End what connections there are."""
        self._access.close()

    def keys(self, user: str) -> Sequence[Key]:
        """Give them by their age. Marked are those with a tag of ours, and one that was made and got none."""
        listed, tags = self._keys(user), self._tags(user)
        return [Key(key["AccessKeyId"], marks.mark_of(key, tags)) for key in listed]

    def issue_key(self, user: str, mark: str) -> Issued:
        """Write down what is about to be made, make it, mark it, and take away what was written down."""
        known, tags = [key["AccessKeyId"] for key in self._keys(user)], self._tags(user)
        self._refuse_third(user, known)
        mark = marks.written(mark)
        self._asked("tag_user", user, Tags=[marks.Issuing(mark, self._moment(), known).tag()])
        made = self._made(user)
        self._asked("tag_user", user, Tags=[marks.tag(made["AccessKeyId"], mark)])
        self._asked("untag_user", user, TagKeys=[marks.ISSUING, *marks.left_over(tags, known)])
        return Issued(made["AccessKeyId"], Password(made["SecretAccessKey"]))

    def revoke_key(self, user: str, key: str) -> None:
        """Delete it and its tag. Cut off in between, the tag goes with the next key that is made."""
        for operation, members in (("delete_access_key", {"AccessKeyId": key}), ("untag_user", {"TagKeys": [key]})):
            try:
                self._asked(operation, user, **members)
            except Missing:
                continue
        self._revoked.add(key)

    def _refuse_third(self, user: str, known: Sequence[str]) -> None:
        if len(known) >= _MOST:
            others = [key for key in known if key != self._access.key_id]
            raise NoRoom(
                f"IAM allows {user!r} no third access key, and nothing here says that {' or '.join(others)} may go: "
                "delete it in IAM if nothing uses it, then rotate again"
            )

    def _made(self, user: str) -> Mapping[str, Any]:
        try:
            made: Mapping[str, Any] = self._asked("create_access_key", user)["AccessKey"]
        except NoRoom:  # there is a key that IAM does not list yet: by what is written down it is known again
            raise
        except ChangeRefused:
            self._asked("untag_user", user, TagKeys=[marks.ISSUING])
            raise
        return made

    def _moment(self) -> datetime:
        return parsedate_to_datetime(self._answered) if self._answered else datetime.now(UTC)

    def _keys(self, user: str) -> list[Mapping[str, Any]]:
        listed = self._pages("list_access_keys", user, "AccessKeyMetadata")
        live = [key for key in listed if key["AccessKeyId"] not in self._revoked]
        return sorted(live, key=lambda key: (key["CreateDate"], key["AccessKeyId"]))

    def _tags(self, user: str) -> Mapping[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self._pages("list_user_tags", user, "Tags")}

    def _pages(self, operation: str, user: str, member: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self._asked(operation, user, **more)
            found += page.get(member, [])
            if not page.get("IsTruncated"):
                return found
            more = {"Marker": page["Marker"]}

    def _asked(self, operation: str, user: str, **members: object) -> Mapping[str, Any]:
        reply = self._access.ask(operation, time_limit(self._remaining), UserName=user, **members)
        if isinstance(reply, Exception):
            raise (
                refusal(reply, self._login, user) if self._proven else rejection(reply, self._login, self._access.mode)
            )
        self._answered = reply["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        return reply
