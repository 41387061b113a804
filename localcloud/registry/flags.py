"""The changeable attributes of tags, manifests and repositories."""

from dataclasses import dataclass, fields, replace

import msgspec

from localcloud.registry.refusals import malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The four switches each object carries; equal flags are shared, so a million tags hold one."""

    delete: bool = True
    write: bool = True
    read: bool = True
    list: bool = True

    @property
    def locked(self) -> bool:
        """Whether deletion is refused: writeEnabled=false alone blocks it too."""
        return not (self.delete and self.write)

    def as_json(self) -> dict[str, object]:
        """Return the switches in the order of the wire."""
        return {
            "deleteEnabled": self.delete,
            "writeEnabled": self.write,
            "readEnabled": self.read,
            "listEnabled": self.list,
        }


OPEN = Flags()
LOCKED = Flags(delete=False, write=False)
_BY_KEY = {f"{each.name}Enabled": each.name for each in fields(Flags)}
_QUARANTINE = ("quarantineState", "quarantineDetails")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A parsed PATCH: the switches it sets and, for a manifest, what a scanner says."""

    flags: dict[str, bool]
    quarantine: dict[str, str]

    def applied_to(self, flags: Flags) -> Flags:
        """Return the flags after this change; keys it does not name stay as they are."""
        return replace(flags, **self.flags) if self.flags else flags


def parse_change(body: bytes, *, quarantine: bool) -> Change:
    """Parse a PATCH body or raise the refusal that says which key is wrong."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(f"body is {body[:80]!r}, expected a JSON object: {error}") from error
    if not isinstance(document, dict):
        raise malformed(f"body is {document!r}, expected a JSON object")
    change = Change(flags={}, quarantine={})
    for key, value in document.items():
        _take(change, key, value, quarantine=quarantine)
    return change


def _take(change: Change, key: str, value: object, *, quarantine: bool) -> None:
    if key in _BY_KEY:
        if not isinstance(value, bool):
            raise malformed(f"{key} is {value!r}, expected true or false")
        change.flags[_BY_KEY[key]] = value
    elif quarantine and key in _QUARANTINE:
        if not isinstance(value, str):
            raise malformed(f"{key} is {value!r}, expected a text")
        change.quarantine[key] = value
    else:
        raise malformed(f"{key} is {value!r}, expected one of {', '.join(_BY_KEY)}")
