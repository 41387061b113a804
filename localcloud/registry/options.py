"""Every switch of the emulator; a default is the strictest answer the facts allow, or the one evidence points to.

"Open question" numbers are those of the list in COVERAGE.md. Switches may be changed while the registry serves.
"""

from dataclasses import dataclass
from typing import Literal

from localcloud.switches import Switches

Refused = Literal["refused", "allowed"]


@dataclass(slots=True, kw_only=True)
class RegistryOptions(Switches):
    """The switches of one registry, changeable at run time."""

    abac: bool = False
    """ABAC mode: wildcard repository scopes are silently ignored and refresh tokens carry `aad_identity`."""

    anonymous_pull: bool = False
    """Anonymous callers get a token for `pull` on every repository."""

    admin_enabled: bool = True
    """The admin user may sign in with Basic authentication."""

    # -- locks: answers nobody has recorded -------------------------------------------------------------------------
    unreadable_pull: Literal["disallowed", "unknown"] = "disallowed"
    """Open question 1: a pull with readEnabled=false answers 405 REGISTRY_DISALLOWED_OPERATION, or 404."""

    unreadable_manifest_by_tag: Refused = "refused"
    """Open question 1: a pull by tag of a manifest that has readEnabled=false while the tag has not."""

    unreadable_repository_blob: Refused = "refused"
    """Open question 1: a blob pull from a repository with readEnabled=false."""

    delete_manifest_with_locked_tag: Refused = "allowed"
    """Open question 2: DELETE of an unlocked manifest while one of its tags is locked (the tag goes with it)."""

    push_of_locked_manifest: Refused = "allowed"
    """Open question 3: PUT of a locked manifest's own digest, by digest or to a tag that does not hold it yet."""

    move_off_locked_manifest: Refused = "allowed"
    """Open question 3 and fact c.3: re-pointing an unlocked tag whose present manifest is locked."""

    same_digest_to_locked_tag: Refused = "refused"
    """Row "push to a locked manifest (same digest, same tag)": PUT to a locked tag of what it already holds."""

    patch_in_locked_repository: Refused = "refused"
    """Open question 4: PATCH of a tag or manifest while its repository has writeEnabled=false."""

    upload_to_locked_repository: Refused = "refused"
    """Row "repository write=false": whether a blob upload is refused already, or only the manifest push."""

    repush_tag_flags: Literal["kept", "reset"] = "kept"
    """Fact c.8: the flags of an unlocked tag that a push moves to another digest (import --force keeps them)."""

    retag_flags: Literal["fresh", "remembered"] = "fresh"
    """Open question 7: the flags of a tag that was removed and is pushed again."""

    emptied_repository: Literal["removed", "orphaned"] = "removed"
    """Fact a.13: a repository without its last manifest disappears, or stays as orphan metadata."""

    import_children: Literal["at_once", "deferred"] = "at_once"
    """Rec 06: an import writes an index first and its children 12-15 s later; deferred ones wait for the store."""

    # -- shapes and paging ----------------------------------------------------------------------------------------
    index_references: Literal["complete", "docker_only", "platforms_only", "absent"] = "complete"
    """Open question 8: which indexes show `references`, and whether children without a platform appear there."""

    unlisted_tags_of_manifest: Literal["shown", "hidden"] = "shown"
    """Whether a manifest's own `tags` names tags that have listEnabled=false."""

    page_size_default: int = 100
    """Entries per page when the request has no `n`."""

    page_size_maximum: int = 1000
    """Entries per page at most."""

    page_size_above_maximum: Literal["capped", "refused"] = "capped"
    """Fact a.12: a larger `n` is capped, or refused with 400."""

    page_size_not_positive: Literal["refused", "default"] = "refused"
    """Fact a.12: `n` of zero or below is refused with 400, or the default page size is used."""

    accept_rules: Literal["strict", "lenient"] = "strict"
    """Fact a.13: an OCI manifest needs its media type in Accept, or is served whatever Accept says."""

    missing_content: Refused = "refused"
    """A pushed manifest whose blobs or children are absent is refused with MANIFEST_BLOB_UNKNOWN, or stored."""

    # -- authorization --------------------------------------------------------------------------------------------
    untag_action: Literal["delete", "metadata_write"] = "delete"
    """Fact d.10: the action that removing a tag needs; traffic says delete, the token documentation the other."""

    tag_list_action: Literal["metadata_read", "pull", "either"] = "either"
    """The action that `/v2/NAME/tags/list` needs; clients of the OCI API ask for pull."""

    refresh_token_seconds: int = 11_700
    """Life of a refresh token; recorded."""

    access_token_seconds: int = 4_500
    """Life of an access token; recorded."""

    anonymous_token_seconds: int = 1_200
    """Life of an anonymous access token; recorded."""

    # -- events ---------------------------------------------------------------------------------------------------
    event_for_digest_push: bool = True
    """Open question 6: a push by digest, which is how the children of an index arrive, raises an event."""

    event_for_known_content: bool = True
    """Open question 6: a push that changes nothing (same digest, same tag) raises an event."""

    event_for_import: bool = True
    """Open question 6: an import raises events as a push does."""

    repository_delete_events: Literal["per_manifest", "per_repository", "none"] = "per_manifest"
    """Open question 6: what the delete of a repository raises."""

    # -- load -----------------------------------------------------------------------------------------------------
    throttling: Literal["off", "basic", "standard", "premium"] = "off"
    """The service tier whose documented limits apply, per category, registry and identity."""

    throttle_scale: float = 1.0
    """Factor on all limits, so that a test need not send ten thousand requests."""

    retry_after: Literal["sent", "absent"] = "sent"
    """Open question 5: the documentation says "if the response includes" a Retry-After."""

    latency_seconds: float = 0.0
    """Time that passes before each request is handled."""
