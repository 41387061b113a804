"""One examination: every check side by side, nothing written, nothing raised."""

import asyncio
from collections.abc import Callable

from taglock.domain.doctor import DoctorReport, in_order
from taglock.domain.doctor_app import settings_check
from taglock.enforcement.doctor.app import app_askings
from taglock.enforcement.doctor.asking import all_answered
from taglock.enforcement.doctor.context import Doctoring
from taglock.enforcement.doctor.registry import registry_askings
from taglock.enforcement.doctor.surroundings import found_registries, surroundings_askings
from taglock.errors import InvalidInput

LISTING = "the doctor lists registries"


async def examined(opening: Callable[[], Doctoring]) -> DoctorReport:
    """Open the ports and examine them; settings that cannot be used are the one check that fails then."""
    try:
        doctoring = opening()
    except InvalidInput as error:
        return DoctorReport(checks=(settings_check(error),))
    return await examine(doctoring)


async def examine(doctoring: Doctoring) -> DoctorReport:
    """Make every check within the time limits; never writes, never raises."""
    registries = sorted(set(doctoring.app.known_registries.values()))
    finding = asyncio.create_task(found_registries(doctoring), name=LISTING)
    asked = app_askings(doctoring)
    for registry in registries:
        asked += registry_askings(doctoring, registry)
        asked += surroundings_askings(doctoring, registry, finding)
    try:
        checks = await all_answered(asked, doctoring.limits)
    finally:
        finding.cancel()
        await asyncio.gather(finding, return_exceptions=True)
    return DoctorReport(checks=in_order([settings_check(None, doctoring.app.mode), *checks]))
