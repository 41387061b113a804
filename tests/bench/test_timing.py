import pytest

from bench.emulator import BenchFailed, Seen
from bench.pushes import Push
from bench.timing import Delivery, percentile

PUSH = Push(repository="prod/api", tag="1.0.0", digest="sha256:a", children=("sha256:b",), event="{}")


def seen(reference: str, at: float, *, method: str = "PATCH", status: int = 200) -> Seen:
    return Seen(method=method, repository="prod/api", reference=reference, status=status, at=at)


def delivery(*requests: Seen) -> Delivery:
    return Delivery(pushes=[PUSH], starts=[10.0], wall_seconds=1.0, cpu_seconds=1.0, seen=requests)


LOCKED = (seen("1.0.0", 11.0), seen("sha256:b", 12.0), seen("sha256:a", 13.5))


def test_an_image_is_locked_when_the_last_of_its_targets_was_updated() -> None:
    later_read = seen("sha256:a", 20.0, method="GET")
    assert delivery(*LOCKED, later_read).seconds_to_lock() == [3.5]


def test_a_refused_update_locks_nothing() -> None:
    with pytest.raises(BenchFailed, match="sha256:b"):
        delivery(LOCKED[0], seen("sha256:b", 12.0, status=401), LOCKED[2]).seconds_to_lock()


def test_every_request_counts_and_only_successful_updates_are_updates() -> None:
    found = delivery(*LOCKED, seen("1.0.0", 1.0, status=401), seen("", 1.0, method="POST"))
    assert found.requests_per_push == 5
    assert found.updates == 3


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (25, 1), (50, 2), (51, 3), (99, 4), (100, 4)])
def test_a_percentile_is_one_of_the_numbers(percent: float, expected: float) -> None:
    assert percentile([4, 2, 3, 1], percent) == expected
