"""The process dies before each request, after each request and before each ledger write of every act in a history.

The machine of `test_states` judges each time: what was begun is done or never was, and all four laws hold.
"""

from collections.abc import Iterator

import pytest

from localcloud.tls import Authority
from tests.acts.states_machine import Acts
from tests.acts.states_world import Drawn

MOST = 60
INDEX, OTHER_INDEX = 3, 4
RELEASE, OTHER_RELEASE, DEV = 0, 1, 2
SHARES = ("push", OTHER_RELEASE, OTHER_INDEX)
"""A release that shares a child with the first."""
HISTORIES: dict[str, tuple[tuple[str, int, int], ...]] = {
    "push": (SHARES,),
    "quarantine": (
        SHARES,
        ("quarantine", 0, 0),
    ),
    "lift": (SHARES, ("quarantine", 0, 0), ("quarantine", 1, 0), ("lift", 0, 0)),
    "hold": (
        SHARES,
        ("hold", 0, 0),
    ),
    "end_hold": (SHARES, ("quarantine", 1, 0), ("hold", 0, 0), ("end_hold", 0, 0)),
    "unlock": (
        SHARES,
        ("unlock", 0, 0),
    ),
    "unlock again": (SHARES, ("unlock", 0, 0), ("unlock", 0, 0)),
    "end_unlock": (SHARES, ("unlock", 0, 0), ("quarantine", 1, 0), ("end_unlock", 0, 0)),
    "end of a moved tag": (SHARES, ("unlock", 0, 0), ("push", RELEASE, 2), ("end_unlock", 0, 0)),
    "expiry": (SHARES, ("unlock", 0, 0), ("time_passes", 39, 0)),
    "retire": (
        SHARES,
        ("retire", 0, 0),
    ),
    "accept": (SHARES, ("overwrite", 0, 1), ("accept", 0, 0)),
    "push to a quarantined digest": (SHARES, ("quarantine", 2, 0), ("push", 3, INDEX)),
    "push away from a quarantined digest": (SHARES, ("quarantine", 2, 0), ("push", DEV, 2)),
}
"""Of each the last step dies; the numbers are what the machine chooses by, among tags, images or open acts."""


def crashes() -> Iterator[tuple[str, int]]:
    yield from ((where, number) for number in range(MOST) for where in ("before", "after", "write"))


def step(name: str, which: int, other: int, crash: tuple[str, int] | None = None) -> tuple[str, Drawn]:
    return name, Drawn(which=which, other=other, flag=False, crash=crash)


@pytest.mark.slow
@pytest.mark.parametrize("history", HISTORIES)
def test_an_act_that_died_anywhere_is_done_or_never_was(authority: Authority, history: str) -> None:
    *first, last = HISTORIES[history]
    lived: set[str] = set()
    for where, number in crashes():
        if where in lived:
            continue
        machine = Acts(authority)
        try:
            machine.there_is_a_release(INDEX)
            for name, which, other in (("push", DEV, INDEX), *first):
                machine.somebody_does(*step(name, which, other))
            machine.deaths = 0
            machine.somebody_does(*step(*last, (where, number)))
            machine.all_is_undone()
            lived |= set() if machine.deaths else {where}
        finally:
            machine.teardown()
        if len(lived) == 3:
            assert number > 1
            return
    raise AssertionError("it never came to its end")
