"""Whatever people, workloads, outsiders, the clock and crashes do: the four laws of acts hold.

While quarantined nothing of a closure is pulled; after the last lift everything is as before, apart from what is
wanted; no grant outlives its time by more than a tick; nothing wanted is off-lock once no work is due.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from localcloud.tls import Authority
from tests.acts.states_machine import Acts


@pytest.mark.slow
@pytest.mark.timeout(900)  # a failure is made smaller first
def test_the_laws_of_acts_hold_whatever_happens(authority: Authority) -> None:
    run_state_machine_as_test(
        lambda: Acts(authority),  # type: ignore[arg-type]  # anything that makes a machine will do
        settings=settings(
            max_examples=int(os.environ.get("TAGLOCK_TEST_EXAMPLES", "120")),
            stateful_step_count=20,
            deadline=None,
            derandomize="TAGLOCK_TEST_EXAMPLES" not in os.environ,
            print_blob=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
