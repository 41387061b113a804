import pytest

from demo.observed import FREE, IMMUTABLE, UNDELETABLE, Lock, Seen, Switches, changes, differences, spelled
from demo.table import aligned, short

LOCK = Lock(tag=IMMUTABLE, manifests=UNDELETABLE)


def seen(kind: str, switches: Switches) -> Seen:
    return Seen(target="prod/api", kind=kind, switches=switches, digest="sha256:1")


def test_a_locked_tag_and_manifest_have_no_difference() -> None:
    assert differences([seen("tag", IMMUTABLE), seen("image", UNDELETABLE)], LOCK) == []


@pytest.mark.parametrize(
    ("kind", "switches"),
    [
        ("tag", FREE),
        ("tag", UNDELETABLE),
        ("image", FREE),
        ("image", IMMUTABLE),
        ("index", FREE),
        ("attestation", FREE),
    ],
)
def test_a_target_that_shows_anything_else_is_a_difference(kind: str, switches: Switches) -> None:
    assert len(differences([seen(kind, switches)], LOCK)) == 1


def test_a_difference_names_the_target_and_both_sides() -> None:
    (sentence,) = differences([seen("image", FREE)], LOCK)
    assert sentence == (
        "prod/api shows delete on, write on, list on, read on, expected delete off, write on, list on, read on"
    )


def test_switches_are_spelled_in_one_order() -> None:
    assert spelled(Switches(list=False)) == "delete on, write on, list off, read on"


def test_a_release_that_shows_something_else_than_before_is_named() -> None:
    before = {"a": (seen("tag", FREE),), "b": (seen("tag", FREE),)}
    assert changes(before, before) == []
    assert changes(before, {"a": (seen("tag", IMMUTABLE),), "b": (seen("tag", FREE),)}) == ["a"]
    assert changes(before, {"a": (seen("tag", FREE),)}) == ["b"]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned(("target", "read"), [("a", "on"), ("a long name", "off")]).splitlines() == [
        "target       read",
        "-----------  ----",
        "a            on",
        "a long name  off",
    ]


def test_a_digest_is_cut_to_twelve_digits() -> None:
    assert short(f"prod/api@sha256:{'0123456789abcdef' * 4}") == "prod/api@sha256:0123456789ab"
    assert short("prod/api:1.4.2") == "prod/api:1.4.2"
