"""The page in a real browser, served as an app would serve it."""

from copy import replace
from pathlib import Path

import pytest

from taglock.reporting.html import html
from taglock.reporting.wording import shortened
from tests.reporting import hostile, samples
from tests.reporting.browser import CHROMIUM, Page
from tests.reporting.conftest import Served
from tests.reporting.in_page import CHOOSE, COLOURS, GREEN, IMAGE_ROLES, ROWS_SHOWN, SHOWN, SUBJECTS, TEXTS, TOO_WIDE

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH (Debian package chromium)"),
]

SIZES = ((360, 800), (1280, 900))
SCHEMES = ("light", "dark")
SMALLEST_TEXT = 14
LEAST_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3, level AA."""


@pytest.mark.parametrize("name", samples.EVERY)
async def test_the_page_asks_for_nothing_else_and_the_console_stays_silent(
    page: Page, served: Served, name: str
) -> None:
    await page.open(served.hold(html(samples.EVERY[name]())))
    assert [each for each in page.requests if each != "data:,"] == [served.address]
    assert served.asked == ["/api/report"]
    assert page.complaints == []


async def test_a_page_opened_as_a_file_works_as_well(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(html(samples.rich()), encoding="utf-8")
    await page.open(file.as_uri())
    assert [each for each in page.requests if each != "data:,"] == [file.as_uri()]
    assert page.complaints == []
    assert await page.evaluate(SHOWN) == "15 of 15 shown"


async def test_typing_into_the_filter_leaves_the_findings_that_contain_each_word(page: Page, served: Served) -> None:
    await page.open(served.hold(html(samples.rich())))
    assert await page.evaluate(ROWS_SHOWN) == 15
    await page.type_into("filter-text", "PROD/api new")
    assert await page.evaluate(ROWS_SHOWN) == 1
    assert await page.evaluate(SHOWN) == "1 of 15 shown"
    await page.type_into("filter-text", "2c26b46b")
    assert await page.evaluate(ROWS_SHOWN) == 2


async def test_the_kind_filter_works_together_with_the_text(page: Page, served: Served) -> None:
    await page.open(served.hold(html(samples.rich())))
    await page.evaluate(f"{CHOOSE}('EVENT_MISSED')")
    assert await page.evaluate(ROWS_SHOWN) == 4
    await page.type_into("filter-text", ".3.0")
    assert await page.evaluate(ROWS_SHOWN) == 1
    await page.evaluate(f"{CHOOSE}('')")
    assert await page.evaluate(ROWS_SHOWN) == 2


async def test_a_filter_that_nothing_fits_says_so(page: Page, served: Served) -> None:
    await page.open(served.hold(html(samples.rich())))
    await page.type_into("filter-text", "no such release")
    assert await page.evaluate(ROWS_SHOWN) == 0
    assert await page.evaluate("document.getElementById('filter-none').checkVisibility()") is True
    assert await page.evaluate(SHOWN) == "0 of 15 shown"


async def test_the_largest_page_can_be_filtered(page: Page, served: Served) -> None:
    many = [samples.finding(number, subject=f"contoso.azurecr.io/prod/api:1.{number}.0") for number in range(6_000)]
    await page.open(served.hold(html(samples.report(many))))
    await page.type_into("filter-text", "api:1.4321.0")
    assert await page.evaluate(SHOWN) == "1 of 5,000 shown"


async def test_without_javascript_the_whole_table_is_there_and_no_filter(page: Page, served: Served) -> None:
    await page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        await page.open(served.hold(html(samples.rich())))
        assert await page.evaluate(ROWS_SHOWN) == 15
        assert await page.evaluate("document.getElementById('filter').checkVisibility()") is False
        assert await page.evaluate(SHOWN) == ""
    finally:
        await page.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", samples.EVERY)
async def test_every_text_can_be_read_and_nothing_is_wider_than_the_window(
    page: Page, served: Served, name: str, size: tuple[int, int], scheme: str
) -> None:
    await page.show(*size, scheme)
    await page.open(served.hold(html(samples.EVERY[name]())))
    texts = await page.evaluate(TEXTS)
    assert len(texts) > 60
    assert [each for each in texts if each["size"] < SMALLEST_TEXT] == []
    assert [each for each in texts if each["contrast"] < LEAST_CONTRAST] == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert await page.evaluate(TOO_WIDE) == []


async def test_names_without_a_break_do_not_widen_a_phone_page(page: Page, served: Served) -> None:
    await page.show(*SIZES[0])
    await page.open(served.hold(html(hostile.report("w" * 700))))
    assert await page.evaluate("document.documentElement.scrollWidth") <= SIZES[0][0]
    assert await page.evaluate(TOO_WIDE) == []


async def test_dark_mode_is_dark(page: Page, served: Served) -> None:
    colours = []
    for scheme in SCHEMES:
        await page.show(*SIZES[0], scheme)
        await page.open(served.hold(html(samples.rich())))
        colours.append(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(244, 246, 249)", "rgb(16, 20, 27)"]


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_green_is_only_in_the_verdict_and_coverage_of_a_clean_audit(
    page: Page, served: Served, scheme: str
) -> None:
    await page.show(*SIZES[1], scheme)
    green = {}
    for name, make in samples.EVERY.items():
        await page.open(served.hold(html(make())))
        green[name] = await page.evaluate(GREEN) in await page.evaluate(COLOURS)
    assert green == {"rich": False, "clean": True, "incomplete": False, "baseline_missing": False}


async def test_hostile_names_are_inert(page: Page, served: Served) -> None:
    report = hostile.report(hostile.EVERYTHING)
    findings = [samples.finding(subject=each, kind=each) for each in hostile.FRAGMENTS]
    await page.open(served.hold(html(replace(report, findings=(*report.findings, *findings)))))
    assert await page.evaluate("window.hurt === undefined") is True
    assert [each for each in page.requests if each != "data:,"] == [served.address]
    assert page.complaints == []
    subjects = (*hostile.FRAGMENTS, hostile.EVERYTHING)
    assert await page.evaluate(SUBJECTS) == [shortened(each, limit=600) for each in subjects]
    assert await page.evaluate("document.scripts.length") == 1
    await page.type_into("filter-text", "<img src=")
    assert await page.evaluate(ROWS_SHOWN) == 2


INJECTED = (
    "<script>window.hurt = 1</script>",
    '<img src="http://192.0.2.1/x.png" onerror="window.hurt = 1">',
    '<link rel="stylesheet" href="/other.css">',
    '<iframe src="/frame"></iframe>',
    '<b style="color: red">x</b>',
    '<base href="http://192.0.2.1/">',
)


@pytest.mark.parametrize("markup", INJECTED)
async def test_markup_that_is_injected_all_the_same_is_refused_by_the_policy(
    page: Page, served: Served, markup: str
) -> None:
    """Also shows that the console and the requests are really heard."""
    await page.open(served.hold(html(samples.clean()).replace("<main>", f"<main>{markup}")))
    assert len(page.complaints) >= 1
    assert all("Content Security Policy" in each for each in page.complaints)
    assert await page.evaluate("window.hurt === undefined") is True
    assert served.asked == ["/api/report"]


async def test_the_charts_have_names_and_texts_for_those_who_do_not_see_them(page: Page, served: Served) -> None:
    await page.open(served.hold(html(samples.rich())))
    tree = (await page.call("Accessibility.getFullAXTree"))["nodes"]
    images = {node["name"]["value"] for node in tree if node.get("role", {}).get("value") in IMAGE_ROLES}
    assert any(name.startswith("Open findings of the last audits 26 audits, from 0 open findings") for name in images)
    assert any(name.startswith("Time from push to proved lock 209 releases") for name in images)


async def test_a_phone_still_hears_a_table(page: Page, served: Served) -> None:
    await page.show(*SIZES[0])
    await page.open(served.hold(html(samples.rich())))
    tree = (await page.call("Accessibility.getFullAXTree"))["nodes"]
    roles = [node.get("role", {}).get("value") for node in tree]
    assert roles.count("table") >= 1
    assert roles.count("row") >= len(samples.FINDINGS)
