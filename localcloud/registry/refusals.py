"""The registry's own errors, word for word where they were recorded or quoted."""

from dataclasses import dataclass, field

_ABSENT = object()


@dataclass(eq=False)
class Refusal(Exception):
    """A request is answered with an error: `{"errors":[{"code","message","detail"?}]}`."""

    status: int
    code: str
    message: str
    detail: object = _ABSENT
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message

    def as_json(self) -> dict[str, object]:
        """Return the body; `detail` is left out when there is none."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.detail is not _ABSENT:
            error["detail"] = self.detail
        return {"errors": [error]}


def disallowed() -> Refusal:
    """Return what a lock answers."""
    text = (
        "The operation is disallowed on this registry, repository or image. View troubleshooting steps at "
        "https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation"
    )
    return Refusal(405, "REGISTRY_DISALLOWED_OPERATION", text, {})


def tag_unknown() -> Refusal:
    """Return what a missing tag answers, also in a missing repository."""
    return Refusal(404, "TAG_UNKNOWN", "the specified tag does not exist")


def manifest_unknown() -> Refusal:
    """Return what the attributes of a missing manifest answer."""
    return Refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")


def manifest_to_pull_unknown(reference: str) -> Refusal:
    """Return what the pull of a missing manifest answers (the text of the open-source distribution)."""
    return Refusal(404, "MANIFEST_UNKNOWN", f"manifest tagged by {reference!r} is not found".replace("'", '"'))


def manifest_to_delete_unknown(digest: str) -> Refusal:
    """Return what the delete of a missing manifest answers."""
    return Refusal(404, "MANIFEST_UNKNOWN", f"manifest {digest} is not found")


def repository_unknown(name: str) -> Refusal:
    """Return what a missing repository answers."""
    return Refusal(404, "NAME_UNKNOWN", f'repository "{name}" is not found')


def repository_to_delete_unknown(name: str) -> Refusal:
    """Return what the delete of a missing repository answers."""
    return Refusal(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": name})


def not_accepted(what: str) -> Refusal:
    """Return what a pull without a suitable Accept answers; what is "manifest" or "index"."""
    plural = "manifests" if what == "manifest" else "indexes"
    text = f"OCI {what} found, but accept header does not support OCI {plural}"
    return Refusal(404, "MANIFEST_UNKNOWN", text)


def blob_unknown(digest: str) -> Refusal:
    """Return what a missing blob answers."""
    return Refusal(404, "BLOB_UNKNOWN", "blob unknown to registry", {"digest": digest})


def upload_unknown() -> Refusal:
    """Return what a missing upload answers."""
    return Refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")


def upload_invalid(reason: str, status: int = 400) -> Refusal:
    """Return what an upload out of order answers."""
    return Refusal(status, "BLOB_UPLOAD_INVALID", f"blob upload invalid: {reason}")


def digest_invalid(digest: str) -> Refusal:
    """Return what content that is not of its digest answers."""
    return Refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content", {"digest": digest})


def manifest_invalid(reason: str) -> Refusal:
    """Return what a manifest that cannot be stored answers."""
    return Refusal(400, "MANIFEST_INVALID", reason)


def content_missing(digests: list[str]) -> Refusal:
    """Return what a manifest with absent blobs or children answers."""
    detail = {"digests": digests}
    return Refusal(400, "MANIFEST_BLOB_UNKNOWN", "manifest references unknown blobs or manifests", detail)


def malformed(reason: str) -> Refusal:
    """Return what a request that cannot be understood answers; code and text are this emulator's own."""
    return Refusal(400, "BAD_REQUEST", reason)


def name_invalid(name: str) -> Refusal:
    """Return what a name outside the grammar answers."""
    return Refusal(400, "NAME_INVALID", "invalid repository name", {"name": name})


def unsupported(reason: str) -> Refusal:
    """Return what an operation the registry does not have answers."""
    return Refusal(405, "UNSUPPORTED", reason)


def throttled(retry_after_seconds: int | None) -> Refusal:
    """Return what a caller over its limit gets; the text is quoted from client output."""
    text = (
        "Too many requests. Please visit https://aka.ms/acr/skus#sku-feature-matrix "
        "to view limits of all service tiers."
    )
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    return Refusal(429, "TOOMANYREQUESTS", text, headers=headers)


def not_emulated(method: str, path: str) -> Refusal:
    """Return the loud answer to a route this emulator does not have."""
    return Refusal(404, "NOT_EMULATED", f"localcloud does not emulate {method} {path}; see localcloud/COVERAGE.md")
