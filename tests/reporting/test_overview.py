"""What is known of every registry, as a page and as JSON."""

import json
from copy import replace
from typing import Any

import pytest

from taglock.domain.audit.overview import KnownRegistry
from taglock.domain.audit_report import AuditVerdict
from taglock.domain.reference import LoginServer
from taglock.domain.rule import Mode
from taglock.reporting.headline import Tone
from taglock.reporting.overview import overview_html, overview_json, tone_of_registry
from tests.reporting import hostile, samples
from tests.reporting.structure import Structure, structure_of

UNSURE = [each for each in AuditVerdict if each in (AuditVerdict.INCOMPLETE, AuditVerdict.BASELINE_MISSING)]


def page(*registries: KnownRegistry, **changes: Any) -> Structure:
    return structure_of(overview_html(samples.overview(*registries, **changes)))


def links(found: Structure) -> list[str]:
    return [value for tag, name, value in found.attributes if (tag, name) == ("a", "href")]


def test_the_page_is_well_formed_and_names_nothing_outside_but_the_reports() -> None:
    found = page()
    assert found.odd == []
    assert sorted(links(found)) == [
        f"report/{name}.azurecr.io" for name in ("contoso", "fabrikam", "northwind", "wingtip")
    ]
    addresses = {value for tag, name, value in found.attributes if name in ("href", "src", "action") and tag != "a"}
    assert addresses == {"data:,"}
    assert not any(name.startswith("on") or name == "style" for _, name, _ in found.attributes)


def test_the_verdict_over_all_is_the_worst_and_counts_the_clean_ones() -> None:
    texts = page().texts
    assert "1 of 6 registries clean" in " ".join(texts)
    assert "1,220 findings are open: 3 critical, 1,216 warning, 1 information." in texts
    assert "Of 2 registries no finished audit is known." in texts


def test_the_worst_registry_comes_first() -> None:
    found = [text.partition(".")[0] for text in page().texts if text.endswith(".azurecr.io") and " " not in text]
    assert found == ["contoso", "tailwind", "unreadable", "wingtip", "fabrikam", "northwind"]


def test_a_clean_registry_is_green_until_something_is_found() -> None:
    clean = samples.registry("northwind")
    assert tone_of_registry(clean) is Tone.GOOD
    assert tone_of_registry(replace(clean, open_findings={"information": 3})) is Tone.GOOD
    assert tone_of_registry(replace(clean, open_findings={"warning": 1})) is Tone.ATTENTION
    assert tone_of_registry(replace(clean, open_findings={"warning": 1, "critical": 1})) is Tone.BAD


@pytest.mark.parametrize(
    "changes",
    [
        {"last": None},
        {"problem": "the ledger did not answer"},
        {"last": replace(samples.ended(), coverage=None)},
        {"last": replace(samples.ended(), coverage=samples.incomplete().coverage)},
        *({"last": samples.ended(verdict=verdict)} for verdict in UNSURE),
    ],
    ids=repr,
)
def test_a_registry_of_which_not_everything_is_known_is_never_green(changes: dict[str, Any]) -> None:
    assert tone_of_registry(replace(samples.registry("northwind"), **changes)) is Tone.UNKNOWN


def test_nothing_audited_and_nothing_configured_are_said_and_not_clean() -> None:
    never = page(samples.registry("northwind", last=None))
    assert "No audit of it has finished yet, so nothing is known." in never.texts
    assert links(never) == []
    nothing = overview_html(replace(samples.overview(), registries=()))
    assert "No registry is configured." in structure_of(nothing).texts
    assert '<header class="verdict unknown">' in nothing


def test_an_audit_that_kept_no_coverage_is_shown_by_its_numbers() -> None:
    old = samples.registry("northwind", last=replace(samples.ended(), coverage=None))
    said = "12,308 tags and 17,915 manifests; out of how many, the ledger does not know any more."
    assert said in page(old).texts


def test_report_mode_is_said() -> None:
    assert "Report mode: nothing is changed." in page(mode=Mode.REPORT).texts


@pytest.mark.parametrize("fragment", hostile.FRAGMENTS)
def test_hostile_texts_stay_text(fragment: str) -> None:
    quiet = page(samples.registry("x", problem="p", open_findings={"critical": 1}))
    name = LoginServer(f"x{fragment}")
    loud = page(replace(samples.registry("x", problem=fragment, open_findings={fragment: 1}), registry=name))
    assert loud.elements == quiet.elements
    assert loud.odd == []


def test_the_json_has_the_same_registries_under_its_format() -> None:
    document = json.loads(overview_json(samples.overview()))
    assert document["format"] == "taglock.overview/1"
    assert [each["registry"] for each in document["registries"]] == [each.registry for each in samples.REGISTRIES]
    contoso, *_, wingtip = document["registries"]
    assert (contoso["last"]["verdict"], contoso["open_findings"]) == ("DRIFT", {"critical": 3, "warning": 1204})
    assert (wingtip["under_way"]["tags"], wingtip["last"]["coverage"]["unread_total"]) == (4120, 3)
