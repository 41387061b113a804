"""The example of docs/cost.md is what its formulas give, and they count what the app has."""

import re

import pytest

from tests.documents.pages import number, page, sections, tables
from tests.infra.bicep import template

SECTIONS = sections(page("docs/cost.md"), 2)
(KNOWN,) = tables(SECTIONS["What you know"])
(FORMULAS,) = tables(SECTIONS["What follows"])
(MONEY,) = tables(SECTIONS["In money"])


def quantities() -> dict[str, float]:
    """Return every quantity of the example, each by its formula over those before it."""
    values = {row["name"].strip("`"): number(row["example"]) for row in KNOWN}
    for row in FORMULAS:
        formula = row["formula"].strip("`")
        values[row["name"].strip("`")] = float(eval(formula, {"__builtins__": {}, "max": max}, values))
    return values


@pytest.mark.parametrize("row", FORMULAS, ids=lambda row: row["name"])
def test_each_quantity_of_the_example_is_what_its_formula_gives(row: dict[str, str]) -> None:
    found = quantities()[row["name"].strip("`")]
    assert f"{found:,.1f}".removesuffix(".0") == row["example"]


def test_the_money_follows_from_quantity_grant_and_price() -> None:
    named = {
        "GB-seconds": "gb_seconds",
        "log, GB": "log_gb",
        "executions": "executions",
        "table transactions": "tables",
    }
    named["Event Grid operations"] = "grid"
    for row in MONEY:
        if row["item"] in named:
            assert number(row["quantity"]) == round(quantities()[named[row["item"]]], 1)
        if price := re.match(r"([\d.]+) USD", row["price"]):
            billed = max(0.0, number(row["quantity"]) - number(row["free"]))
            assert row["a month"] == f"{billed * float(price[1]):.2f} USD"


def test_every_name_of_a_formula_is_explained_and_every_known_number_is_used() -> None:
    used = {name for row in FORMULAS for name in re.findall(r"[a-z_]+", row["formula"])} - {"max"}
    known = {row["name"].strip("`") for row in KNOWN}
    assert used <= known | {row["name"].strip("`") for row in FORMULAS}
    assert known <= used


def test_timers_memory_and_alerts_are_those_of_the_app() -> None:
    schedules = re.findall(r'timer_trigger\(arg_name="\w+", schedule="([^"]+)"', page("function_app.py"))
    assert sorted(schedules) == ["%TAGLOCK_AUDIT_SCHEDULE%"] * 2 + ["*/30 * * * * *"]
    memory = re.search(r"instanceMemoryMB: (\d+)", template("app/function-app.bicep").text)
    assert memory is not None
    assert int(memory[1]) == 1024 * next(number(row["example"]) for row in KNOWN if row["name"] == "`memory`")
    rules = re.findall(r"^    name: '", template("monitoring/alerts.bicep").text, re.MULTILINE)
    assert [row["quantity"] for row in MONEY if row["item"] == "alert rules"] == [str(len(rules))]
