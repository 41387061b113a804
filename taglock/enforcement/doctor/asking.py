"""Make many checks side by side, each within its time; one that cannot be made is unknown, and none raises."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from taglock.domain.doctor import Check, Question
from taglock.enforcement.doctor.context import DoctorLimits
from taglock.errors import TaglockError, shortened


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Some checks that are read together."""

    questions: tuple[Question, ...]
    """What is unknown when it cannot be read."""
    answer: Callable[[], Awaitable[Sequence[Check]]]


async def all_answered(asked: Sequence[Asking], limits: DoctorLimits) -> list[Check]:
    """Return the checks in the order asked; reasons instead where one broke or took too long."""
    places = asyncio.Semaphore(limits.at_once)
    deadline = asyncio.get_running_loop().time() + limits.total_seconds

    async def answered(asking: Asking) -> Sequence[Check]:
        try:
            async with asyncio.timeout_at(deadline), places, asyncio.timeout(limits.check_seconds):
                return await asking.answer()
        except TimeoutError:
            return _unknown(asking, "no answer in time")
        except TaglockError as error:
            return _unknown(asking, str(error))
        except Exception as error:  # a doctor that breaks tells nobody anything
            return _unknown(asking, f"{type(error).__name__}: {shortened(str(error))}")

    return [check for checks in await asyncio.gather(*map(answered, asked)) for check in checks]


def _unknown(asking: Asking, reason: str) -> list[Check]:
    return [question.unknown(reason, _advice(reason)) for question in asking.questions]


def _advice(reason: str) -> str:
    return "ask again" if reason == "no answer in time" else "mend what it says, then ask again"
