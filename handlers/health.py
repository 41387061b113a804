"""Something asks whether the app can work at all: yes or no, and no detail, because anybody may ask."""

from collections.abc import Callable

import msgspec

from taglock.errors import InvalidInput


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a probe: the HTTP status and a body without any detail."""

    status: int
    body: dict[str, str]


def health(opening: Callable[[], object]) -> Health:
    """Tell whether the ports can be opened, without any network: 200 when they can, 503 when the settings are wrong."""
    try:
        opening()
    except InvalidInput:
        return Health(status=503, body={"status": "unusable"})
    return Health(status=200, body={"status": "ok"})
