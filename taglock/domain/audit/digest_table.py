"""All manifests of one repository in a compact form: 33 bytes each, found by bisection."""

from hashlib import sha256

from taglock.domain.reference import Digest

KEY_BYTES = 32
ROW_BYTES = KEY_BYTES + 1
SHA256 = "sha256:"


def key_of(digest: Digest) -> bytes:
    """Return 32 bytes that stand for a digest; those of sha256 can be turned back."""
    if digest.startswith(SHA256):
        return bytes.fromhex(digest[len(SHA256) :])
    return sha256(digest.encode()).digest()


class DigestTable:
    """A number below 256 for each digest; cheapest when digests come in order, as a listing brings them."""

    def __init__(self) -> None:
        self._rows = bytearray()
        self._last = b""
        self._sorted = True
        self._added: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._rows) // ROW_BYTES + len(self._added)

    def append(self, digest: Digest, number: int) -> None:
        """Add a digest of a listing; it must not be there yet."""
        key = key_of(digest)
        self._sorted = self._sorted and key > self._last
        self._last = key
        self._rows += key
        self._rows.append(number)

    def is_behind(self, digest: Digest) -> bool:
        """Tell whether a digest comes behind the last one that was appended."""
        return key_of(digest) > self._last

    def add(self, digest: Digest, number: int) -> None:
        """Add a digest that no listing showed."""
        self._added[key_of(digest)] = number

    def get(self, digest: Digest) -> int | None:
        """Return the number of a digest, None when it is not there."""
        return self.find(key_of(digest))

    def find(self, key: bytes) -> int | None:
        """Return the number of a digest by its 32 bytes."""
        if key in self._added:
            return self._added[key]
        if not self._sorted:
            self._sort()
        return self._bisected(key)

    def _bisected(self, key: bytes) -> int | None:
        rows, low, high = self._rows, 0, len(self._rows) // ROW_BYTES
        while low < high:
            middle = (low + high) // 2
            start = middle * ROW_BYTES
            found = rows[start : start + KEY_BYTES]
            if found == key:
                return rows[start + KEY_BYTES]
            if found < key:
                low = middle + 1
            else:
                high = middle
        return None

    def _sort(self) -> None:
        whole = bytes(self._rows)
        rows = sorted(whole[start : start + ROW_BYTES] for start in range(0, len(whole), ROW_BYTES))
        self._rows = bytearray(b"".join(rows))
        self._sorted = True
