"""`show`: what is off, what it amounts to, and which rule wants it."""

import pytest

from localcloud.cloud import LocalCloud
from localcloud.registry.flags import Flags
from taglock.cli.show import scenario
from taglock.domain.attributes import Attribute, Off
from tests.auditing.test_commands import cloud, command

__all__ = ["cloud"]

D, W, L, R = Attribute.DELETE, Attribute.WRITE, Attribute.LIST, Attribute.READ


@pytest.mark.parametrize(
    ("off", "name"),
    [
        ({D, W}, "full lock"),
        ({W}, "full lock"),
        ({D}, "delete protection only"),
        ({R, D}, "quarantine"),
        ({D, W, L, R}, "quarantine"),
        ({L}, "hidden"),
        (set(), "open"),
    ],
)
def test_each_combination_has_the_name_that_the_guide_gives_it(off: Off, name: str) -> None:
    assert scenario(frozenset(off)).partition(":")[0] == name


async def test_a_tag_is_shown_with_its_repository_and_every_manifest_below(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    server, store = cloud.registry.login_server, cloud.registry.store
    store.repository("prod/web").flags = Flags(list=False)
    tag = sorted(store.repository("prod/web").tags)[0]
    store.tag("prod/web", tag).flags = Flags(delete=False, write=False)
    root = store.manifest("prod/web", store.tag("prod/web", tag).digest)
    store.manifest("prod/web", root.references[0].digest).flags = Flags(delete=False)  # type: ignore[index]
    assert await command("show", f"{server}/prod/web:{tag}") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["repository", "prod/web"],
        ["tag", tag],
        ["manifest", root.digest],
        *(["manifest", each.digest] for each in root.references or ()),
    ]
    assert lines[1].split()[2:7] == ["on", "on", "off", "on", "hidden"]
    assert lines[2].split()[2:6] == ["off", "off", "on", "on"]
    assert lines[2].endswith("delete,write  nightlies")
    assert "delete protection only" in lines[4]
    assert lines[5].endswith("delete        nightlies")


async def test_a_registry_is_shown_repository_by_repository(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await command("show", cloud.registry.login_server) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:]] == ["prod/api", "prod/web"]


async def test_what_is_not_there_is_told(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert await command("show", f"{cloud.registry.login_server}/prod/web:gone") == 1
    assert "TAG_UNKNOWN" in capsys.readouterr().err
    assert await command("show", "other.azurecr.io/prod/web:gone") == 2
