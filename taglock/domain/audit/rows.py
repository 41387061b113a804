"""What the ledger remembers of audits: the run under way, its plan, earlier ones, and the children of indexes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from taglock.domain.attributes import Off
from taglock.domain.audit_report import ActionState, Coverage, PastAudit, PlannedCount
from taglock.domain.reference import Digest, LoginServer, Repository, Tag, Target, manifest_target, tag_target
from taglock.domain.row import RowKey
from taglock.domain.rule import Mode


class Phase(StrEnum):
    """How far an audit has come."""

    LISTING = "listing"  # reading the registry and planning
    REPAIRING = "repairing"  # carrying out the complete plan
    FINISHED = "finished"


class AuditMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue hands over: go on with this audit, if nobody did since."""

    registry: LoginServer
    audit_id: str
    sequence: int
    started: str
    """When the audit began, as `2026-11-24T16-35-00Z`: the host puts it into the names of reports."""


class AuditRun(msgspec.Struct, frozen=True, kw_only=True):
    """One audit of one registry: where it stands, so that another invocation can go on. One row per registry."""

    audit_id: str
    sequence: int
    """Of the message that may go on with it; any other message is dropped."""
    phase: Phase
    started_at: datetime
    updated_at: datetime
    mode: Mode
    repair: bool
    cursor: str = ""
    """The last repository that was read whole; in the second phase the key of the last planned image."""
    attempts: int = 0
    """Invocations that began at this cursor and kept nothing; a repository that outlasts three is left out."""
    coverage: Coverage = Coverage()
    planned_images: int = 0
    planned_repositories: int = 0
    """Of which the own attributes are not as wanted."""
    planned_targets: int = 0
    planned_by_rule: Mapping[str, PlannedCount] = {}
    applied: int = 0
    failed: int = 0
    refused: str = ""
    requests: int = 0
    locked_unwitnessed: int = 0
    """Protected tags that are locked while the ledger knows of no release."""
    seconds_to_lock: tuple[float, ...] = ()
    finished_at: datetime | None = None
    verdict: str = ""
    """Of the finished audit."""


def message_of(registry: LoginServer, run: AuditRun) -> AuditMessage:
    """Return the one message that may go on with a run."""
    started = f"{run.started_at.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}"
    return AuditMessage(registry=registry, audit_id=run.audit_id, sequence=run.sequence, started=started)


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """Since when a registry is watched: what was pushed before was never announced by an event."""

    since: datetime


class AuditedRepository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository that an audit saw or a release was locked in; the next audit asks for it if it is not listed."""

    seen_at: datetime


class IndexChildren(msgspec.Struct, frozen=True, kw_only=True):
    """What an index names: content-addressed, and so true for ever."""

    children: tuple[Digest, ...]


class PlannedImage(msgspec.Struct, frozen=True, kw_only=True):
    """One image that a repair would lock, and how many targets of it are not as wanted."""

    repository: Repository
    tag: Tag | None
    """None for a digest that runs and that no tag protects: its manifests are locked by the deployment's rule."""
    digest: Digest
    rule: str
    reason: str
    """The kind of finding that it mends."""
    severity: str
    targets: int
    recorded_digest: Digest | None = None
    """Of a tag that moved: what it was locked with. Only that closure is tightened."""
    state: ActionState = ActionState.PLANNED
    message: str = ""

    @property
    def name(self) -> str:
        """What tells it from all others of an audit."""
        return f"{self.repository}:{self.tag}" if self.tag is not None else f"{self.repository}@{self.digest}"

    @property
    def shown(self) -> str:
        """The image within its registry, as reports show it."""
        return f"{self.name}@{self.digest}" if self.tag is not None else self.name


class PlannedRepository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository whose own attributes a repair would turn off, once every planned image is locked."""

    repository: Repository
    off: Off
    rule: str
    reason: str
    """The kind of finding that it mends."""
    severity: str
    targets: int = 1
    state: ActionState = ActionState.PLANNED
    message: str = ""

    @property
    def name(self) -> str:
        """What tells it from all others of an audit."""
        return self.repository

    @property
    def shown(self) -> str:
        """The repository within its registry, as reports show it."""
        return self.repository


def planned_target(registry: LoginServer, planned: PlannedImage) -> Target:
    """Return what a person's act marks when it is about a planned image."""
    if planned.tag is None:
        return manifest_target(registry, planned.repository, planned.digest)
    return tag_target(registry, planned.repository, planned.tag)


Planned = PlannedImage | PlannedRepository
"""One action of a repair."""

AuditRow = AuditRun | Baseline | AuditedRepository | IndexChildren | PlannedImage | PlannedRepository | PastAudit


def audit_partition(registry: LoginServer) -> str:
    """Return the partition of a registry's audits."""
    return f"audit/{registry}"


def run_key(registry: LoginServer) -> RowKey:
    """Return where the latest audit of a registry is kept, running or finished."""
    return RowKey(audit_partition(registry), "run")


def baseline_key(registry: LoginServer) -> RowKey:
    """Return where it is kept since when a registry is watched."""
    return RowKey(audit_partition(registry), "baseline")


PAST = ("past/", "past0")
"""Between these keys are a registry's finished audits."""


def past_key(registry: LoginServer, audit_id: str, started_at: datetime) -> RowKey:
    """Return where a finished audit is kept, in the order of time."""
    return RowKey(audit_partition(registry), f"past/{started_at:%Y-%m-%dT%H:%M:%S.%f}/{audit_id}")


def repositories_partition(registry: LoginServer) -> str:
    """Return the partition that names a registry's known repositories, in order."""
    return f"repositories/{registry}"


def known_repository_key(registry: LoginServer, repository: Repository) -> RowKey:
    """Return where it is kept that a repository is known."""
    return RowKey(repositories_partition(registry), repository)


INDEX_PREFIX = "index/"
MANIFEST_PREFIX = "manifest/"
RELEASE_PREFIX = "release/"
REPOSITORY_PREFIX = "repository"
"""What the keys of a repository's partition begin with (taglock.domain.ledger)."""


def children_key(registry: LoginServer, repository: Repository, index: Digest) -> RowKey:
    """Return where the children of an index are kept, beside the proofs of its repository."""
    return RowKey(f"image/{registry}/{repository}", f"{INDEX_PREFIX}{index}")


def plan_partition(registry: LoginServer, audit_id: str) -> str:
    """Return the partition of one audit's plan."""
    return f"repair/{registry}/{audit_id}"


RANKS = {"critical": "0", "warning": "1", "information": "2"}
PLANNED_REPOSITORIES = "repository/"
"""What the keys of planned repositories begin with; it sorts behind every rank, and so behind every image."""


def plan_key(registry: LoginServer, audit_id: str, planned: Planned) -> RowKey:
    """Return where a planned action is kept: images before repositories, the most severe first."""
    after_images = PLANNED_REPOSITORIES if isinstance(planned, PlannedRepository) else ""
    return RowKey(plan_partition(registry, audit_id), f"{after_images}{RANKS[planned.severity]}/{planned.name}")


def plans_repository(key: RowKey) -> bool:
    """Tell whether a row of a plan is about a repository and not about an image."""
    return key.key.startswith(PLANNED_REPOSITORIES)


AUDIT_EVENT = "audit/"


def audit_event_id(audit_id: str, planned: Planned) -> str:
    """Return what stands in for the event of something that no event announced."""
    return f"{AUDIT_EVENT}{audit_id}/{planned.name}"


def is_audit_event(event_id: str) -> bool:
    """Tell whether an audit, and not an event, led to a lock."""
    return event_id.startswith(AUDIT_EVENT)
