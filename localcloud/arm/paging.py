"""Pages of a collection: an opaque token that names the last entry sent."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

PARAMETER = "$skiptoken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of keys; `token` continues after it, None on the last page."""

    keys: tuple[str, ...]
    token: str | None


def page_of(keys: Sequence[str], *, token: str | None, size: int) -> Page:
    """Return the page after a token, at most `size` of the sorted keys; ValueError for a token never given out."""
    after = _decoded(token) if token is not None else ""
    rest = [key for key in keys if key > after]
    shown = tuple(rest[: max(size, 1)])
    return Page(keys=shown, token=_encoded(shown[-1]) if len(rest) > len(shown) else None)


def empty_page() -> Page:
    """Return a page without entries that still has a successor: the first one with entries."""
    return Page(keys=(), token=_encoded(""))


def next_link(endpoint: str, path: str, version: str, token: str) -> str:
    """Return the absolute address of the page after a token."""
    return f"{endpoint}{path}?api-version={version}&%24skiptoken={quote(token, safe='')}"


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(f"after:{key}".encode()).decode()


def _decoded(token: str) -> str:
    try:
        text = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        text = ""
    if not text.startswith("after:"):
        raise ValueError(f"{PARAMETER} {token!r}: expected one from a nextLink")
    return text.removeprefix("after:")
