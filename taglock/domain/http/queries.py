"""The queries of lists: which acts, and which page of them."""

from collections.abc import Mapping

import msgspec

from taglock.domain.acts.act import Phase
from taglock.domain.reference import LoginServer, Repository, login_server, repository
from taglock.errors import InvalidInput, InvalidRequest

LARGEST_PAGE = 100
DEFAULT_PAGE = 20
LONGEST_AFTER = 200
NAMES = ("phase", "registry", "repository", "after", "limit")
KEY = "code"
"""The function's key, which the host takes."""


class ActsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which acts to list."""

    phase: Phase | None = None
    registry: LoginServer | None = None
    repository: Repository | None = None
    after: str | None = None
    """What the page before answered as `following`."""
    limit: int = DEFAULT_PAGE


def acts_query(query: Mapping[str, str]) -> ActsQuery:
    """Return what a query asks for; raise InvalidRequest with the name of what is wrong."""
    for given in query:
        if given not in (*NAMES, KEY):
            raise InvalidRequest.at(f"?{given[:100]}", "", f"one of {', '.join(NAMES)}")
    try:
        registry = login_server(query["registry"], "?registry") if "registry" in query else None
        name = repository(query["repository"], "?repository") if "repository" in query else None
    except InvalidInput as error:
        raise InvalidRequest(*error.problems) from None
    return ActsQuery(
        phase=_phase(query.get("phase")),
        registry=registry,
        repository=name,
        after=_after(query.get("after")),
        limit=_limit(query.get("limit")),
    )


def _phase(text: str | None) -> Phase | None:
    if text is None:
        return None
    try:
        return Phase(text)
    except ValueError:
        raise InvalidRequest.at("?phase", text, f"one of {', '.join(Phase)}") from None


def _after(text: str | None) -> str | None:
    if text is not None and (len(text) > LONGEST_AFTER or not text.isascii() or not text.isprintable()):
        raise InvalidRequest.at("?after", text, "the `following` of a page")
    return text


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LARGEST_PAGE):
        raise InvalidRequest.at("?limit", text, f"a number from 1 to {LARGEST_PAGE}")
    return int(text)
