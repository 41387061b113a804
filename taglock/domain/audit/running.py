"""What the rules want of an image that runs: its manifests, whatever its tag is called."""

from collections.abc import Sequence

from taglock.domain.deployment import Deployment
from taglock.domain.listing import ListedManifest
from taglock.domain.plan import LockPlan, plan_manifests, united
from taglock.domain.rule import Candidate, Mode, Protect, RuleSet, Trigger, decide


def running_plan(
    rules: RuleSet, mode: Mode, manifest: ListedManifest, deployments: Sequence[Deployment]
) -> LockPlan | None:
    """Return what the deployment rules want of a manifest that is deployed so; None when they leave it alone."""
    decisions = [decide(rules, _candidate(each, manifest)) for each in deployments]
    plans = [plan_manifests(each.rule, mode=mode) for each in decisions if isinstance(each, Protect)]
    return united(plans) if plans else None


def _candidate(deployment: Deployment, manifest: ListedManifest) -> Candidate:
    return Candidate(
        registry=deployment.registry,
        repository=deployment.repository,
        tag=deployment.tag,
        trigger=Trigger.DEPLOYMENT,
        media_type=manifest.media_type,
        artifact_type=manifest.artifact_type,
        environment=deployment.environment,
    )
