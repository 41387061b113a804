"""Who may read what: for each principal the scopes at which it has the Reader role."""

from collections.abc import Iterable, Mapping

ROOT = "/"


class Roles:
    """The role assignments; a principal that none was ever set for reads everything."""

    def __init__(self) -> None:
        self._scopes: dict[str, tuple[str, ...]] = {}

    def grant(self, principal: str, scopes: Iterable[str]) -> None:
        """Let a principal read these scopes (`/subscriptions/ID[/resourceGroups/NAME[/providers/...]]`), no others.

        ValueError for a scope that does not begin with a slash; nothing at all takes every right away.
        """
        given = tuple(scopes)
        if wrong := [scope for scope in given if not scope.startswith("/")]:
            raise ValueError(f"scopes of {principal!r} are {wrong!r}, expected paths that begin with '/'")
        self._scopes[principal] = given

    def may_read(self, principal: str, scope: str) -> bool:
        """Return whether the principal has the role at the scope or above it."""
        below = _key(scope)
        return any(below.startswith(_key(each)) for each in self._scopes.get(principal, (ROOT,)))

    def clear(self) -> None:
        """Forget all assignments."""
        self._scopes.clear()

    def as_json(self) -> Mapping[str, list[str]]:
        """Return the assignments that were set, by principal."""
        return {principal: list(scopes) for principal, scopes in self._scopes.items()}


def _key(scope: str) -> str:
    return f"{scope.rstrip('/').lower()}/"
