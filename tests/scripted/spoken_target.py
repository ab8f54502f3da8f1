from abc import abstractmethod
from typing import ClassVar

from servers.target import Target


class SpokenTarget(Target):
    """A server that is played at the other end of the wire."""

    tells_passwords: ClassVar[bool] = True  # to be added to, without being told which are there already

    def product(self) -> str:
        raise AssertionError("it is no live server")

    @property
    @abstractmethod
    def surprises(self) -> list[str]:
        """What was asked of it that its script does not know."""

    def takes_password(self, password: str) -> bool:
        """Whether the server itself has such passwords."""
        return bool(password)
