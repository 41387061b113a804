"""What the app may do, by the registry's own tokens, over real sockets; nothing is written."""

from copy import replace

import pytest

from localcloud.faults import Answer, Fault
from localcloud.registry.principal import ALL_ACTIONS, Principal
from taglock.domain.doctor import CheckState
from taglock.domain.rule import Mode
from tests.doctor.world import LOCKER, Examined
from tests.pushing.images import plain
from tests.pushing.world import ORIGIN

OK, UNKNOWN, WARN, FAIL = CheckState.OK, CheckState.UNKNOWN, CheckState.WARN, CheckState.FAIL
PERMISSIONS = ("catalog", "read", "write", "pull", "excess")


async def permissions(doctor: Examined) -> dict[str, CheckState]:
    states = await doctor.states()
    return {name: states[f"permission-{name}"] for name in PERMISSIONS}


async def test_the_role_of_the_infrastructure_is_enough_and_not_too_much(doctor: Examined) -> None:
    assert set((await permissions(doctor)).values()) == {OK}


@pytest.mark.parametrize(
    ("missing", "name"), [("catalog", "catalog"), ("metadata_read", "read"), ("metadata_write", "write")]
)
async def test_a_missing_right_fails_and_is_named(doctor: Examined, missing: str, name: str) -> None:
    doctor.rights(Principal(name="app", actions=LOCKER - {missing}))
    checks = await doctor.checks()
    assert checks[f"permission-{name}"].state is FAIL
    assert "Microsoft.ContainerRegistry/registries/" in checks[f"permission-{name}"].advice
    assert {checks[f"permission-{each}"].state for each in PERMISSIONS if each != name} == {OK}


async def test_report_mode_needs_no_right_to_write_and_warns_only(doctor: Examined) -> None:
    doctor.rights(Principal(name="app", actions=LOCKER - {"metadata_write"}))
    doctor.local.pushing.app = replace(doctor.local.pushing.app, mode=Mode.REPORT)
    assert (await permissions(doctor))["write"] is WARN


async def test_a_rule_with_referrers_needs_the_right_to_pull(doctor: Examined) -> None:
    doctor.local.pushing.with_rules(
        'version = 1\n[[rule]]\nname = "signed"\ntags = { semver = ">=1.0.0" }\nreferrers = true\n'
    )
    assert (await permissions(doctor))["pull"] is FAIL
    doctor.rights(Principal(name="app", actions=LOCKER | {"pull"}))
    assert (await permissions(doctor))["pull"] is OK


async def test_rights_to_push_and_delete_are_too_much(doctor: Examined) -> None:
    doctor.rights(Principal(name="app", actions=ALL_ACTIONS))
    check = (await doctor.checks())["permission-excess"]
    assert check.state is WARN
    assert "push" in check.found and "delete" in check.found


async def test_an_identity_without_any_role_fails(doctor: Examined) -> None:
    doctor.rights(Principal(name="app"))
    assert await permissions(doctor) == dict.fromkeys(PERMISSIONS, UNKNOWN) | {"catalog": FAIL}


async def test_in_abac_mode_each_known_repository_is_asked_about(doctor: Examined) -> None:
    doctor.emulator.options.abac = True
    doctor.rights(Principal(name="app", actions=LOCKER))
    doctor.emulator.store.push("prod/api", "1.0.0", plain("a"), ORIGIN)
    doctor.emulator.store.push("prod/web", "1.0.0", plain("b"), ORIGIN)
    assert set((await permissions(doctor)).values()) == {OK}
    reading = frozenset({"metadata_read"})
    partly = {"prod/api": LOCKER - {"catalog"}, "prod/web": reading}
    doctor.rights(Principal(name="app", actions=frozenset({"catalog"}), repositories=partly))
    check = (await doctor.checks())["permission-write"]
    assert check.state is FAIL
    assert "prod/web" in check.found and "prod/api" not in check.found
    assert "repositories/metadata/write" in check.advice


async def test_in_abac_mode_without_any_repository_nothing_is_known(doctor: Examined) -> None:
    doctor.emulator.options.abac = True
    assert (await permissions(doctor))["read"] is UNKNOWN


async def test_a_role_that_was_just_given_is_seen_at_once(doctor: Examined) -> None:
    doctor.rights(Principal(name="app", actions=frozenset({"metadata_read"})))
    assert (await permissions(doctor))["write"] is FAIL
    doctor.rights(Principal(name="app", actions=LOCKER))
    assert set((await permissions(doctor)).values()) == {OK}


async def test_a_registry_is_asked_for_tokens_alone(doctor: Examined) -> None:
    await doctor.report()
    kinds = {request.method + " " + request.path.partition("?")[0] for request in doctor.emulator.traffic.remembered}
    assert kinds <= {"POST /oauth2/exchange", "POST /oauth2/token", "GET /acr/v1/_catalog"}


async def test_a_registry_that_does_not_answer_is_unknown_and_never_ok(doctor: Examined) -> None:
    doctor.emulator.faults.add(Fault(action=Answer(status=503), times=50))
    assert set((await permissions(doctor)).values()) == {UNKNOWN}
