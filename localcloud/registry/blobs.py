"""Blobs by digest, their links to repositories, and uploads under way. Everything is kept in memory."""

from dataclasses import dataclass, field
from uuid import uuid4

from localcloud.registry.content import digest_of
from localcloud.registry.refusals import blob_unknown, digest_invalid, upload_invalid, upload_unknown


@dataclass(slots=True, kw_only=True)
class Upload:
    """An upload under way."""

    id: str
    repository: str
    received: bytearray = field(default_factory=bytearray)


class Blobs:
    """Content-addressed bytes; a repository sees only what was uploaded or mounted into it."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._linked: dict[str, set[str]] = {}
        self._uploads: dict[str, Upload] = {}

    def has(self, repository: str, digest: str) -> bool:
        """Return whether a repository holds a blob."""
        return digest in self._linked.get(repository, ())

    def get(self, repository: str, digest: str) -> bytes:
        """Return a blob's bytes or raise the refusal BLOB_UNKNOWN."""
        if not self.has(repository, digest):
            raise blob_unknown(digest)
        return self._contents[digest]

    def find(self, repository: str, digest: str) -> bytes | None:
        """Return a blob's bytes or None."""
        return self._contents[digest] if self.has(repository, digest) else None

    def put(self, repository: str, body: bytes, digest: str | None = None) -> str:
        """Store a blob in a repository and return its digest, or raise the refusal DIGEST_INVALID."""
        algorithm = digest.partition(":")[0] if digest else "sha256"
        actual = digest_of(body, algorithm)
        if digest is not None and actual != digest:
            raise digest_invalid(digest)
        self._contents.setdefault(actual, body)
        self._linked.setdefault(repository, set()).add(actual)
        return actual

    def mount(self, source: str, target: str, digest: str) -> bool:
        """Link a blob of one repository into another; return whether the source had it."""
        if not self.has(source, digest):
            return False
        self._linked.setdefault(target, set()).add(digest)
        return True

    def remove(self, repository: str, digest: str) -> None:
        """Remove a blob from a repository or raise the refusal BLOB_UNKNOWN."""
        if not self.has(repository, digest):
            raise blob_unknown(digest)
        self._linked[repository].discard(digest)

    def forget(self, repository: str) -> None:
        """Remove all blobs of a repository."""
        self._linked.pop(repository, None)

    def start(self, repository: str) -> Upload:
        """Start an upload."""
        upload = Upload(id=str(uuid4()), repository=repository)
        self._uploads[upload.id] = upload
        return upload

    def upload(self, repository: str, upload_id: str) -> Upload:
        """Return an upload under way or raise the refusal BLOB_UPLOAD_UNKNOWN."""
        found = self._uploads.get(upload_id)
        if found is None or found.repository != repository:
            raise upload_unknown()
        return found

    def append(self, upload: Upload, chunk: bytes, start: int | None) -> None:
        """Add a chunk to an upload; one that does not start where the last ended is refused with 416."""
        if start is not None and start != len(upload.received):
            raise upload_invalid(f"chunk starts at {start}, expected {len(upload.received)}", 416)
        upload.received += chunk

    def finish(self, upload: Upload, digest: str) -> str:
        """Close an upload and store its blob, or raise the refusal DIGEST_INVALID; the upload is gone either way."""
        self.cancel(upload)
        return self.put(upload.repository, bytes(upload.received), digest)

    def cancel(self, upload: Upload) -> None:
        """Forget an upload."""
        self._uploads.pop(upload.id, None)
