"""The listings over a real socket: large pages, smaller ones when the registry cannot bear them, nothing believed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from localcloud import faults
from localcloud.faults import Fault
from localcloud.registry.flags import Flags
from localcloud.registry.principal import ALL_ACTIONS, CATALOG, Principal
from localcloud.registry.seeding import Bulk, seed_bulk
from localcloud.registry.serve import serving
from localcloud.registry.server import Registry as Emulator
from localcloud.tls import Authority
from taglock.adapters.acr_registry import AcrOptions, open_registry
from taglock.domain.attributes import Attribute
from taglock.domain.listing import NUMBERS, SETS, Page
from taglock.domain.reference import LoginServer, Repository
from taglock.errors import NotFound, RegistryError, Unauthorized, UntrustedAnswer
from taglock.ports import Listing
from tests.pushing.world import StaticCredential

PROD = Repository("prod/api")


@pytest.fixture
async def emulator(authority: Authority) -> AsyncIterator[Emulator]:
    made = Emulator(
        login_server="",
        now=lambda: datetime.now(UTC),
        authenticate=lambda _token: Principal(name="app", actions=ALL_ACTIONS),
    )
    async with serving(made, authority=authority):
        yield made


@pytest.fixture
async def listing(emulator: Emulator) -> AsyncIterator[Listing]:
    async with opened(emulator) as made:
        yield made


@asynccontextmanager
async def opened(emulator: Emulator) -> AsyncIterator[Listing]:
    options = AcrOptions(audience="https://containerregistry.azure.net", request_timeout_seconds=1.0)
    registry = open_registry(LoginServer(emulator.login_server), credential=StaticCredential(), options=options)
    try:
        yield registry.listing()
    finally:
        await registry.aclose()


async def every[T](pages: Callable[[str], Awaitable[Page[T]]]) -> list[T]:
    items: list[T] = []
    after: str | None = ""
    while after is not None:
        page = await pages(after)
        items += page.items
        after = page.following
    return items


def sizes(emulator: Emulator, kind: str) -> list[str]:
    seen = [request for request in emulator.traffic.remembered if request.kind == kind]
    return [parse_qs(urlsplit(request.path).query)["n"][0] for request in seen]


async def test_a_thousand_entries_come_on_each_page(emulator: Emulator, listing: Listing) -> None:
    seed_bulk(emulator.store, PROD, Bulk(images=2500))
    tags = await every(lambda after: listing.tags(PROD, after))
    manifests = await every(lambda after: listing.manifests(PROD, after))
    assert [tag.name for tag in tags] == sorted(f"v{number}" for number in range(2500))
    assert {name: manifest.digest for manifest in manifests for name in manifest.tags} == {
        tag.name: tag.digest for tag in tags
    }
    assert emulator.traffic.counts() == {
        "POST exchange": 1,
        "POST token": 1,
        "GET tags": 3,
        "GET manifests": 3,
    }


async def test_the_catalog_and_a_repository_are_read_with_their_counts(emulator: Emulator, listing: Listing) -> None:
    for name in ("b", "a", "c"):
        seed_bulk(emulator.store, name, Bulk(images=2, children=3))
    emulator.store.repository("b").flags = Flags(delete=False)
    assert await every(listing.repositories) == ["a", "b", "c"]
    found = await listing.repository(Repository("b"))
    assert (found.off, found.manifests, found.tags) == (frozenset({Attribute.DELETE}), 8, 2)


async def test_equal_attributes_are_one_shared_set(emulator: Emulator, listing: Listing) -> None:
    seed_bulk(emulator.store, PROD, Bulk(images=50, flags=Flags(delete=False, write=False)))
    tags = await every(lambda after: listing.tags(PROD, after))
    assert {id(tag.off) for tag in tags} == {id(SETS[3])}
    assert tags[0].off == {Attribute.DELETE, Attribute.WRITE}


def test_every_set_of_attributes_has_one_number() -> None:
    assert [NUMBERS[off] for off in SETS] == list(range(16))


async def test_pages_are_halved_after_errors_and_grow_back(emulator: Emulator, listing: Listing) -> None:
    seed_bulk(emulator.store, PROD, Bulk(images=2500))
    emulator.faults.add(Fault(action=faults.Answer(status=500), kind="tags", times=2))
    assert len(await every(lambda after: listing.tags(PROD, after))) == 2500
    assert sizes(emulator, "GET tags") == ["1000", "500", "250", "500", "1000", "1000"]


async def test_a_page_that_takes_too_long_is_asked_for_half_as_large(emulator: Emulator, listing: Listing) -> None:
    seed_bulk(emulator.store, PROD, Bulk(images=600))
    emulator.faults.add(Fault(action=faults.Silence(), kind="manifests", times=1))
    assert len(await every(lambda after: listing.manifests(PROD, after))) == 600
    assert sizes(emulator, "GET manifests") == ["1000", "500", "1000"]


async def test_a_page_size_that_the_registry_refuses_is_not_asked_for_again(
    emulator: Emulator, listing: Listing
) -> None:
    emulator.options.page_size_maximum = 300
    emulator.options.page_size_above_maximum = "refused"
    seed_bulk(emulator.store, PROD, Bulk(images=600))
    assert len(await every(lambda after: listing.tags(PROD, after))) == 600
    assert sizes(emulator, "GET tags") == ["1000", "500", "250", "250", "250"]


async def test_a_smaller_cap_than_asked_for_loses_nothing(emulator: Emulator, listing: Listing) -> None:
    emulator.options.page_size_maximum = 100
    seed_bulk(emulator.store, PROD, Bulk(images=350))
    assert len(await every(lambda after: listing.tags(PROD, after))) == 350


async def test_an_error_that_stays_is_raised_after_three_halvings(emulator: Emulator, listing: Listing) -> None:
    seed_bulk(emulator.store, PROD, Bulk(images=10))
    emulator.faults.add(Fault(action=faults.Answer(status=500), kind="tags", times=None))
    with pytest.raises(RegistryError) as raised:
        await listing.tags(PROD, "")
    assert raised.value.status == 500
    assert sizes(emulator, "GET tags") == ["1000", "500", "250", "125"]


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/acr/v1/prod%2Fapi/_tags?last=v1&n=2",
        "/acr/v1/other/_tags?last=v1&n=2",
        "//evil.example/x",
    ],
)
async def test_a_link_to_elsewhere_is_refused(emulator: Emulator, listing: Listing, link: str) -> None:
    seed_bulk(emulator.store, PROD, Bulk(images=10))
    emulator.faults.add(Fault(action=faults.ForeignLink(target=link), kind="tags", times=None))
    with pytest.raises(UntrustedAnswer):
        await listing.tags(PROD, "")


async def test_a_link_that_skips_entries_is_not_followed(emulator: Emulator, listing: Listing) -> None:
    emulator.options.page_size_maximum = 100
    seed_bulk(emulator.store, PROD, Bulk(images=300))
    skipping = "/acr/v1/prod%2Fapi/_tags?last=v98&n=100&orderby="
    emulator.faults.add(Fault(action=faults.ForeignLink(target=skipping), kind="tags", times=1))
    assert len(await every(lambda after: listing.tags(PROD, after))) == 300


async def test_an_unknown_field_is_ignored_and_no_list_is_an_empty_one(emulator: Emulator, listing: Listing) -> None:
    body = f'{{"registry":"{emulator.login_server}","imageName":"prod/api","tags":null,"news":{{"a":[1]}}}}'
    emulator.faults.add(Fault(action=faults.Answer(status=200, body=body), kind="tags", times=1))
    assert await listing.tags(PROD, "") == Page((), None)


@pytest.mark.parametrize(
    "fault",
    [faults.OtherRepository(repository="other"), faults.OtherContentType(), faults.Truncated()],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_page_about_something_else_is_not_believed(
    emulator: Emulator, listing: Listing, fault: faults.Action
) -> None:
    seed_bulk(emulator.store, PROD, Bulk(images=10))
    emulator.faults.add(Fault(action=fault, kind="tags", times=None))
    with pytest.raises(RegistryError):
        await listing.tags(PROD, "")


async def test_a_name_outside_the_grammar_spoils_its_page(emulator: Emulator, listing: Listing) -> None:
    body = '{"repositories":["prod/api","../../etc"]}'
    emulator.faults.add(Fault(action=faults.Answer(status=200, body=body), kind="catalog", times=None))
    with pytest.raises(UntrustedAnswer):
        await listing.repositories("")


async def test_a_missing_repository_is_not_found(listing: Listing) -> None:
    with pytest.raises(NotFound):
        await listing.repository(Repository("gone"))


async def test_without_the_permission_to_list_the_catalog_the_role_is_named(authority: Authority) -> None:
    blind = Principal(name="app", actions=ALL_ACTIONS - {CATALOG})
    made = Emulator(login_server="", now=lambda: datetime.now(UTC), authenticate=lambda _token: blind)
    async with serving(made, authority=authority), opened(made) as listing:
        with pytest.raises(Unauthorized, match="Catalog Lister"):
            await listing.repositories("")
