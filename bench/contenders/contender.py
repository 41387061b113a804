"""What all contenders have in common."""

from dataclasses import dataclass
from typing import Protocol

from bench.pushes import Push


class Contender(Protocol):
    """Locks pushed images."""

    async def lock(self, push: Push) -> None:
        """Lock the tag and the whole closure of one push; return when all is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contenders:
    """The three that are compared, open and ready."""

    own: Contender
    floor: Contender
    peer: Contender

    def by_turns(self, repetition: int) -> list[tuple[str, Contender]]:
        """Return the three with their roles; each repetition begins with another one."""
        named = [("own", self.own), ("peer", self.peer), ("floor", self.floor)]
        first = repetition % len(named)
        return named[first:] + named[:first]
