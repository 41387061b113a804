"""Paths of Resource Manager, read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.arm.address import Address, InvalidAddress, parse_address, parse_resource_id
from tests.localcloud.arm.asking import APP, SITE, SUBSCRIPTION

WORD = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,8}", fullmatch=True).filter(lambda word: word.lower() != "providers")


@st.composite
def addresses(draw: st.DrawFn) -> Address:
    size = draw(st.integers(1, 3))
    group = draw(WORD) if size > 1 else draw(st.one_of(st.just(""), WORD))
    names = size if group and draw(st.booleans()) else size - 1
    return Address(
        subscription=draw(WORD),
        group=group,
        namespace=draw(WORD),
        types=tuple(draw(WORD) for _ in range(size)),
        names=tuple(draw(WORD) for _ in range(names)),
    )


@given(addresses())
def test_written_address_reads_back_as_itself(address: Address) -> None:
    assert parse_address(str(address)) == address
    assert parse_address(f"{address}/") == address
    assert parse_address(str(address).upper()).key == address.key


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/subscriptions", "/subscriptions/", "subscriptions/x", "//subscriptions/x", "/tenants/x"),
        *(f"{SUBSCRIPTION}/providers", f"{SUBSCRIPTION}/providers/X", f"{SUBSCRIPTION}/resourceGroups"),
        *(f"{SUBSCRIPTION}/resourceGroups/g", f"{SUBSCRIPTION}/providers/X/y/z", f"{APP}//revisions"),
        f"{APP}/providers/Microsoft.Insights/metrics",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(InvalidAddress):
        parse_address(path)


def test_collection_and_subscription_are_no_resource() -> None:
    for path in (SUBSCRIPTION, f"{APP}/revisions", f"{SUBSCRIPTION}/providers/Microsoft.Web/sites"):
        with pytest.raises(InvalidAddress):
            parse_resource_id(path)
    assert parse_resource_id(APP).names == ("shop",)


def test_parent_is_one_level_up_and_ends_at_the_top() -> None:
    config = parse_address(f"{SITE}/slots/staging/config/web")
    parents = []
    while config.parent is not None:
        config = config.parent
        parents.append(str(config))
    assert parents == [f"{SITE}/slots/staging", SITE]
    collection = parse_address(f"{APP}/revisions")
    assert str(collection.parent) == APP


def test_encoded_parts_are_decoded() -> None:
    assert parse_address("/subscriptions/s/resourceGroups/a%20(b)/providers/N/t/n").group == "a (b)"
