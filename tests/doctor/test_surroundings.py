"""What surrounds a registry, read from a Resource Manager that was written apart from the adapter."""

from base64 import b64encode
from typing import Any

import pytest

from localcloud.faults import Answer, Fault
from taglock.domain.doctor import CheckState
from taglock.domain.doctor_surroundings import task_text
from tests.doctor.world import GROUP, REGISTRY, SUBSCRIPTION, Examined, assignment, lock, task, topic
from tests.infra.bicep import ROOT, template

OK, UNKNOWN, WARN, FAIL = CheckState.OK, CheckState.UNKNOWN, CheckState.WARN, CheckState.FAIL
SURROUNDINGS = (
    *("tier", "retention", "quarantine-policy", "admin-user", "anonymous-pull", "export", "soft-delete"),
    *("purge-tasks", "replications", "who-may-unlock", "resource-locks"),
)
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
ACR_PUSH = "8311e382-0749-4cb8-b61a-304f252e45ec"
WRITER = "2a1e307c-b015-4ebd-883e-5b7698a07328"
FORCED = "acr purge --filter 'prod/.*:.*' --ago 30d --untagged --include-locked"
ON = {"status": "enabled"}


async def test_a_registry_without_anything_around_it_is_well(doctor: Examined) -> None:
    doctor.place()
    states = await doctor.states()
    assert {name: states[name] for name in SURROUNDINGS} == dict.fromkeys(SURROUNDINGS, OK)


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"policies": {"retentionPolicy": {"days": 7, **ON}}}, "retention"),
        ({"policies": {"quarantinePolicy": ON}}, "quarantine-policy"),
        ({"policies": {"softDeletePolicy": {"retentionDays": 9, **ON}}}, "soft-delete"),
        ({"adminUserEnabled": True}, "admin-user"),
        ({"tier": "Standard"}, "tier"),
    ],
)
async def test_one_thing_around_it_is_one_warning(doctor: Examined, properties: dict[str, Any], name: str) -> None:
    doctor.place(**properties)
    states = await doctor.states()
    assert {each for each in SURROUNDINGS if states[each] is not OK} == {name}
    assert states[name] is WARN


@pytest.mark.parametrize(
    ("command", "status", "state"),
    [
        (FORCED, "Enabled", FAIL),
        (FORCED, "Disabled", WARN),
        (FORCED + "=true", "Enabled", FAIL),
        (FORCED + "=false", "Enabled", OK),
        ("acr purge --filter 'prod/.*:.*' --ago 30d", "Enabled", OK),
        ("bash echo --include-locked", "Enabled", OK),
        (None, "Enabled", UNKNOWN),
    ],
)
async def test_a_task_that_purges_what_is_locked_fails(
    doctor: Examined, command: str | None, status: str, state: CheckState
) -> None:
    doctor.place()
    doctor.local.arm.place([task("weekly", command, status=status), task("build", "build -t x .")])
    check = (await doctor.checks())["purge-tasks"]
    assert check.state is state
    assert ("weekly" in check.found) == (state is not OK)


async def test_one_forced_purge_is_found_behind_tasks_that_cannot_be_seen(doctor: Examined) -> None:
    doctor.place()
    doctor.local.arm.options.change({"page_size": 1, "first_page": "empty"})
    doctor.local.arm.place([task("a-file", None), task("z-purge", FORCED)])
    assert (await doctor.states())["purge-tasks"] is FAIL


def test_values_of_an_encoded_task_belong_to_it_and_what_is_no_base64_is_nothing() -> None:
    command, values = (
        b64encode(text).decode() for text in (b"acr purge {{.Values.flags}}", b"flags: --include-locked")
    )
    assert task_text(command, values) == "acr purge {{.Values.flags}}\nflags: --include-locked"
    assert task_text("not base64!", None) is None
    assert task_text(None, None) is None


async def test_geo_replication_is_told_with_its_regions(doctor: Examined) -> None:
    doctor.place()
    for region in ("westeurope", "northeurope"):
        doctor.local.arm.place([{"id": f"{REGISTRY}/replications/{region}", "location": region, "properties": {}}])
    check = (await doctor.checks())["replications"]
    assert check.state is WARN
    assert "westeurope" in check.found and "northeurope" in check.found


async def test_who_may_unlock_depends_on_the_mode_of_the_registry(doctor: Examined) -> None:
    doctor.local.arm.place([])
    doctor.place()
    doctor.local.arm.place([assignment(ACR_PUSH, "pusher"), assignment(WRITER, "writer")])
    assert (await doctor.states())["who-may-unlock"] is OK
    doctor.local.arm.place([assignment(CONTRIBUTOR, "above", scope=f"/subscriptions/{SUBSCRIPTION}")])
    check = (await doctor.checks())["who-may-unlock"]
    assert check.state is WARN
    assert "Contributor: User above" in check.found and "writer" not in check.found
    doctor.place(roleAssignmentMode="AbacRepositoryPermissions")
    check = (await doctor.checks())["who-may-unlock"]
    assert "Container Registry Repository Writer: User writer" in check.found and "above" not in check.found
    assert "whoever may push may unlock" in check.advice


async def test_a_role_on_something_below_the_registry_is_none_on_the_registry(doctor: Examined) -> None:
    doctor.place()
    doctor.local.arm.place([task("weekly", "acr purge"), assignment(OWNER, "below", scope=f"{REGISTRY}/tasks/weekly")])
    assert (await doctor.states())["who-may-unlock"] is OK


async def test_owners_may_make_themselves_able_in_either_mode_and_conditions_are_told(doctor: Examined) -> None:
    doctor.place(roleAssignmentMode="AbacRepositoryPermissions")
    doctor.local.arm.place([assignment(OWNER, "boss"), assignment(WRITER, "team", condition="@Request[...]")])
    check = (await doctor.checks())["who-may-unlock"]
    assert "Owner: User boss" in check.found
    assert "User team with a condition" in check.found


async def test_resource_locks_are_told_of_the_registry_and_its_group_and_of_nothing_else(doctor: Examined) -> None:
    doctor.place()
    other = f"{GROUP}/providers/Microsoft.App/containerApps/shop"
    doctor.local.arm.place([{"id": other, "properties": {}}, lock("elsewhere", scope=other)])
    assert (await doctor.states())["resource-locks"] is OK
    doctor.local.arm.place([lock("mine"), lock("inherited", scope=GROUP)])
    check = (await doctor.checks())["resource-locks"]
    assert check.state is WARN
    assert "mine (CanNotDelete)" in check.found and "inherited (CanNotDelete, of the resource group)" in check.found
    assert "elsewhere" not in check.found


async def test_a_registry_in_no_configured_subscription_is_unknown(doctor: Examined) -> None:
    states = await doctor.states()
    assert {states[name] for name in SURROUNDINGS} == {UNKNOWN}


async def test_what_the_app_may_not_read_is_unknown_and_the_rest_is_told(doctor: Examined) -> None:
    doctor.place()
    doctor.local.arm.faults.add(Fault(action=Answer(status=403), match="/tasks", times=None))
    states = await doctor.states()
    assert {name for name in SURROUNDINGS if states[name] is UNKNOWN} == {"purge-tasks"}
    doctor.local.arm.faults.clear()
    doctor.local.arm.faults.add(Fault(action=Answer(status=403), times=None))
    checks = await doctor.checks()
    assert {checks[name].state for name in SURROUNDINGS} == {UNKNOWN}
    assert "Reader" in checks["tier"].found


async def test_subscriptions_are_listed_once_and_everything_is_a_get(doctor: Examined) -> None:
    doctor.place()
    await doctor.report()
    seen = doctor.local.arm.traffic.remembered
    assert {request.method for request in seen} == {"GET"}
    listed = [request for request in seen if request.path.partition("?")[0].endswith("ContainerRegistry/registries")]
    assert len(listed) == 1


async def test_the_rights_of_the_infrastructure_are_those_that_the_requests_need(doctor: Examined) -> None:
    doctor.place()
    await doctor.report(topic="https://out.example/api/events")
    needed = {request.required.lower() for request in doctor.local.arm.traffic.remembered if request.required}
    given = template("deployments/subscription.bicep").value("doctorActions")
    assert needed == {action.lower() for action in given}
    text = (ROOT / "docs/permissions.md").read_text(encoding="utf-8")
    assert all(f"| `{action}` |" in text for action in given)


@pytest.mark.parametrize(
    ("schema", "state"), [("CloudEventSchemaV1_0", OK), ("EventGridSchema", FAIL), ("CustomEventSchema", FAIL)]
)
async def test_a_topic_with_another_schema_fails(doctor: Examined, schema: str, state: CheckState) -> None:
    endpoint = "https://out.westeurope-1.eventgrid.azure.net/api/events"
    doctor.local.arm.place([topic(endpoint, schema)])
    assert (await doctor.states(topic=endpoint))["topic-schema"] is state
    assert (await doctor.states(topic="https://another.example/api/events"))["topic-schema"] is UNKNOWN
