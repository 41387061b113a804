"""Settings: what each may say, and that every mistake is told at once with the name of its setting."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.domain.rule import Mode
from taglock.errors import InvalidConfiguration
from taglock.settings import NAMES, Settings, read_settings

FOLDER = Path("/app")


def read(**values: str) -> Settings:
    return read_settings({"TAGLOCK_REGISTRIES": "contoso.azurecr.io", **values}, folder=FOLDER)


def problems(**values: str) -> dict[str, str]:
    with pytest.raises(InvalidConfiguration) as caught:
        read(**values)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_with_the_registries_alone_everything_else_has_a_safe_default() -> None:
    settings = read()
    assert settings.registries == {"contoso": "contoso.azurecr.io"}
    assert settings.mode is Mode.REPORT
    assert settings.rules == FOLDER / "lock_rules.toml"
    assert settings.ledger == "/app/.taglock/ledger.sqlite"
    assert settings.topic_endpoint is None
    assert settings.audience == "https://containerregistry.azure.net"


def test_a_registry_may_be_given_its_resource_name() -> None:
    settings = read(TAGLOCK_REGISTRIES="A.azurecr.io, Prod=prod-b7c.azurecr.io ,local=127.0.0.1:5443,")
    assert settings.registries == {"a": "a.azurecr.io", "prod": "prod-b7c.azurecr.io", "local": "127.0.0.1:5443"}


def test_all_mistakes_are_told_at_once() -> None:
    found = problems(
        TAGLOCK_REGISTRIES="good.azurecr.io,bad name,good.azurecr.io",
        TAGLOCK_MODE="enforced",
        TAGLOCK_MAX_CLOSURE="0",
        TAGLOCK_CLOUD="mars",
        TAGLOCK_REGISTRY_SHARE="1.5",
        TAGLOCK_TOPIC_ENDPOINT="http://topic",
        TAGLOCK_LEDGER="postgres://x",
        TAGLOCK_MOD="enforce",
    )
    assert set(found) == {
        "TAGLOCK_REGISTRIES[1]",
        "TAGLOCK_REGISTRIES[2]",
        "TAGLOCK_MODE",
        "TAGLOCK_MAX_CLOSURE",
        "TAGLOCK_CLOUD",
        "TAGLOCK_REGISTRY_SHARE",
        "TAGLOCK_TOPIC_ENDPOINT",
        "TAGLOCK_LEDGER",
        "TAGLOCK_MOD",
    }
    assert "'enforced', expected enforce or report" in found["TAGLOCK_MODE"]
    assert "did you mean TAGLOCK_MODE" in found["TAGLOCK_MOD"]


@pytest.mark.parametrize("value", ["", "  ", ","])
def test_without_registries_there_is_one_clear_error(value: str) -> None:
    with pytest.raises(InvalidConfiguration, match="TAGLOCK_REGISTRIES"):
        read(TAGLOCK_REGISTRIES=value)


@pytest.mark.parametrize(
    ("values", "ledger"),
    [
        ({"TAGLOCK_LEDGER": "var/ledger.sqlite"}, "/app/var/ledger.sqlite"),
        ({"TAGLOCK_LEDGER": "/data/ledger.sqlite"}, "/data/ledger.sqlite"),
        ({"TAGLOCK_LEDGER": ":memory:"}, ":memory:"),
        ({"AzureWebJobsStorage__accountName": "store"}, "https://store.table.core.windows.net"),
        (
            {"AzureWebJobsStorage__accountName": "store", "TAGLOCK_CLOUD": "china"},
            "https://store.table.core.chinacloudapi.cn",
        ),
        ({"AzureWebJobsStorage__tableServiceUri": "https://t.example"}, "https://t.example"),
        ({"AzureWebJobsStorage__accountName": "store", "TAGLOCK_LEDGER": "https://other"}, "https://other"),
    ],
)
def test_the_ledger_is_where_it_was_set_else_in_the_apps_storage_else_a_file(
    values: dict[str, str], ledger: str
) -> None:
    assert read(**values).ledger == ledger


def test_in_azure_a_file_is_refused_because_it_is_lost_with_the_instance() -> None:
    assert "lost" in problems(WEBSITE_INSTANCE_ID="1")["TAGLOCK_LEDGER"]
    assert read(WEBSITE_INSTANCE_ID="1", AzureWebJobsStorage__accountName="store").ledger.startswith("https://store.")


def test_long_values_do_not_flood_the_message() -> None:
    assert len(problems(TAGLOCK_MODE="x" * 10_000)["TAGLOCK_MODE"]) < 300


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=40), min_size=1))
def test_any_values_give_settings_or_problems_that_name_their_setting(values: dict[str, str]) -> None:
    try:
        read_settings(values, folder=FOLDER)
    except InvalidConfiguration as error:
        assert all(problem.path.startswith("TAGLOCK_") for problem in error.problems)
