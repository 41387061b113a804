import json

import pytest

from bench.rows import Aim, Of, Row, Samples, paired, table, verdict


def row(samples: Samples, aim: Aim | None = None, name: str = "time") -> Row:
    return Row(name=name, unit="ms", samples=samples, aim=aim)


COMPARED = Samples(own=(10, 30, 60), floor=(5, 10, 30), peer=(100, 300, 300))


def test_values_are_medians_of_the_repetitions() -> None:
    found = row(COMPARED)
    assert (found.value, found.floor, found.peer) == (30, 10, 300)


def test_ratios_are_medians_of_the_ratios_within_each_repetition() -> None:
    found = row(COMPARED)
    assert found.ratio == 2  # of 2, 3 and 2; the ratio of the medians would be 3
    assert found.of_peer == pytest.approx(0.1)


def test_the_ratio_is_that_to_the_peer_where_there_is_no_floor() -> None:
    found = row(Samples(own=(1,), peer=(4,)))
    assert (found.floor, found.ratio) == (None, 0.25)


def test_nothing_is_compared_with_nothing_or_zero() -> None:
    assert paired((1, 2), ()) is None
    assert paired((1, 2), (0, 2)) is None


def test_repetitions_without_a_partner_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired((1, 2), (1,))


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        (Aim(of=Of.FLOOR, at_most=2), True),
        (Aim(of=Of.FLOOR, at_most=1.9), False),
        (Aim(of=Of.PEER, at_most=0.25), True),
        (Aim(of=Of.PEER, at_most=0.01), False),
        (Aim(of=Of.VALUE, at_least=30), True),
        (Aim(of=Of.VALUE, at_least=31), False),
    ],
    ids=str,
)
def test_an_aim_bounds_what_it_names(aim: Aim, met: bool) -> None:
    assert row(COMPARED, aim).met is met


def test_an_aim_without_its_comparison_is_missed() -> None:
    assert row(Samples(own=(1,)), Aim(of=Of.PEER, at_most=1)).met is False


def test_a_row_is_written_with_the_six_fields_and_short_numbers() -> None:
    written = json.loads(json.dumps(row(Samples(own=(1 / 3,), floor=(1 / 7,))).as_json()))
    assert written == {
        "name": "time",
        "value": 0.33333,
        "unit": "ms",
        "floor": 0.14286,
        "peer": None,
        "ratio": 2.3333,
    }


def test_the_table_says_of_each_aim_whether_it_is_met() -> None:
    shown = table(
        [row(COMPARED, Aim(of=Of.FLOOR, at_most=1)), row(COMPARED, Aim(of=Of.PEER, at_most=1)), row(COMPARED)]
    )
    _titles, _line, missed, met, none = shown.splitlines()
    assert missed.endswith("at most 1 of floor  NO")
    assert met.endswith("at most 1 of peer   yes")
    assert none.split()[-2:] == ["-", "-"]


def test_the_verdict_names_every_missed_aim() -> None:
    missed = row(COMPARED, Aim(of=Of.VALUE, at_least=1000), name="rate")
    met = row(COMPARED, Aim(of=Of.FLOOR, at_most=3))
    assert verdict([met, row(COMPARED)]) == "All 1 aims are met."
    assert verdict([met, missed]) == "MISSED 1 of 2 aims:\n  rate: aim at least 1,000"
