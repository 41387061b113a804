"""What a lock is about: an image that was pushed, or one that runs; the ledger's JSON tells them apart by `type`."""

from datetime import datetime

import msgspec

from taglock.domain.event import ImagePushed
from taglock.domain.reference import Digest, LoginServer, Repository, Tag


class ImageRuns(msgspec.Struct, frozen=True, kw_only=True, tag="runs"):
    """A workload runs an image: at least one of tag and digest is known."""

    workload: str
    """The workload's key."""
    environment: str
    registry: LoginServer
    repository: Repository
    tag: Tag | None
    """As the deployment named it."""
    digest: Digest | None
    """Named by the deployment, or what its tag pointed to when it was resolved; None until then."""
    event_id: str
    occurred_at: datetime
    recorded_at: datetime
    """When the ledger recorded that it runs: a proof from then on is the proof of this deployment."""
    resolved: bool = False
    """Whether the digest is what the tag pointed to, and not the deployment's own word."""
    media_type: str | None = None

    @property
    def named_digest(self) -> Digest | None:
        """The digest that the deployment itself named."""
        return None if self.resolved else self.digest

    @property
    def image(self) -> str:
        """The image as text, with all that is known of it."""
        tagged = f":{self.tag}" if self.tag is not None else ""
        pinned = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.registry}/{self.repository}{tagged}{pinned}"


Subject = ImagePushed | ImageRuns
