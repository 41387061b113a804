"""What one invocation did: the fields of its log line."""

import msgspec


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event or one piece of due work."""

    trigger: str
    outcome: str
    """locked, already, suspended, unfinished, failed, superseded, ignored or rejected; of a workload also ended."""
    event_id: str = ""
    image: str = ""
    decision: str = ""
    """`protect`, or why it is left alone."""
    rule: str = ""
    mode: str = ""
    applied: int = 0
    """Manifests whose update was answered with the proof."""
    already: int = 0
    """Manifests that were proved before."""
    failed: int = 0
    seconds_to_lock: float | None = None
    """From the push or deployment to the proof of its complete lock; None when it was not locked now."""
    problems: tuple[str, ...] = ()
