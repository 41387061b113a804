"""The composition root: what it opens, when, and that a rule file is read again when it changes."""

import os
from pathlib import Path

import pytest

from taglock.adapters.acr_registry import AcrRegistry
from taglock.domain.reference import LoginServer
from taglock.errors import InvalidConfiguration
from taglock.services import open_services

ONE_RULE = 'version = 1\n[[rule]]\nname = "one"\ntags = { glob = ["v*"] }\n'
SERVER = LoginServer("contoso.azurecr.io")


def environment(**values: str) -> dict[str, str]:
    return {"TAGLOCK_REGISTRIES": SERVER, "TAGLOCK_LEDGER": ":memory:", **values}


async def test_a_registry_is_opened_once(tmp_path: Path) -> None:
    services = open_services(environment(), folder=tmp_path)
    first = services.enforcement.registries(SERVER)
    assert isinstance(first, AcrRegistry)
    assert services.enforcement.registries(SERVER) is first
    await services.aclose()


async def test_without_a_topic_nothing_is_published(tmp_path: Path) -> None:
    services = open_services(environment(), folder=tmp_path)
    assert services.enforcement.publisher is None
    await services.aclose()


async def test_rules_are_read_again_when_their_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "lock_rules.toml"
    services = open_services(environment(), folder=tmp_path)
    rules = services.enforcement.rules
    with pytest.raises(InvalidConfiguration, match="TAGLOCK_RULES"):
        rules()
    file.write_text(ONE_RULE)
    assert [rule.name for rule in rules().rules] == ["one"]
    assert rules() is rules()
    file.write_text(ONE_RULE.replace("one", "other"))
    os.utime(file, ns=(1, 1))
    assert [rule.name for rule in rules().rules] == ["other"]
    file.write_text("not toml = = =")
    for _ in range(2):
        with pytest.raises(InvalidConfiguration):
            rules()
    await services.aclose()


def test_wrong_settings_are_told_when_the_services_are_opened(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="TAGLOCK_MODE"):
        open_services(environment(TAGLOCK_MODE="loud"), folder=tmp_path)


async def test_only_registries_of_the_allow_list_are_opened(tmp_path: Path) -> None:
    services = open_services(environment(), folder=tmp_path)
    with pytest.raises(InvalidConfiguration, match=r"evil\.example"):
        services.enforcement.registries(LoginServer("evil.example"))
    await services.aclose()
