"""`explain IMAGE`: which rule decides about an image, what it turns off, and why the rules before it do not match."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from taglock.cli.check import DEFAULT_FILE
from taglock.cli.rule_text import profile_text, table
from taglock.domain.reference import ImageReference, parse_reference
from taglock.domain.rule import (
    Candidate,
    Decision,
    Ignore,
    Protect,
    Rule,
    RuleAnswer,
    RuleSet,
    Trigger,
    Undecided,
    decide,
    decide_repository,
    explain,
)
from taglock.errors import InvalidRequest
from taglock.rule_file import read_rules

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXAMPLES = """\
examples:
  python -m taglock explain contoso.azurecr.io/prod/api:1.4.2
  python -m taglock explain contoso.azurecr.io/prod/api:1.4.2 --on deployment --environment production
  python -m taglock explain contoso.azurecr.io/charts/api:1.4.2 --artifact-type application/vnd.cncf.helm.config.v1+json
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "explain",
        help="tell which rule decides about an image, and why",
        description="Decide about an image by a rule file, without asking a registry.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", metavar="IMAGE", help="REGISTRY/REPOSITORY:TAG, for a deployment also @DIGEST")
    parser.add_argument("--rules", type=Path, default=DEFAULT_FILE, metavar="FILE", help=f"rule file ({DEFAULT_FILE})")
    parser.add_argument("--on", type=Trigger, choices=list(Trigger), default=Trigger.PUSH, help="trigger (push)")
    parser.add_argument("--environment", metavar="NAME", help="environment of the deployment")
    parser.add_argument("--media-type", metavar="TYPE", help="media type of the manifest or index ('' for none)")
    parser.add_argument("--artifact-type", metavar="TYPE", help="artifact or configuration type ('' for none)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what each rule says, the decision and what it turns off."""
    rules = read_rules(arguments.rules)
    candidate = _candidate(arguments, parse_reference(arguments.image))
    print("\n".join(_report(rules, candidate, arguments.image)))
    return 0


def _candidate(arguments: argparse.Namespace, image: ImageReference) -> Candidate:
    if image.tag is None and (arguments.on is Trigger.PUSH or image.digest is None):
        raise InvalidRequest.at("image", arguments.image, "a tag (or, with --on deployment, a digest)")
    if arguments.environment is not None and arguments.on is not Trigger.DEPLOYMENT:
        raise InvalidRequest.at("--environment", arguments.environment, "--on deployment with it")
    return Candidate(
        registry=image.registry,
        repository=image.repository,
        tag=image.tag,
        trigger=arguments.on,
        media_type=arguments.media_type,
        artifact_type=arguments.artifact_type,
        environment=arguments.environment,
    )


def _report(rules: RuleSet, candidate: Candidate, image: str) -> Iterator[str]:
    yield f"{candidate.trigger} of {image}"
    yield table(
        [[f"  {row[0]}", *row[1:]] for row in _answer_rows(explain(rules, candidate))] or [["  no image rules"]]
    )
    decision = decide(rules, candidate)
    yield _decision_line(decision)
    if isinstance(decision, Protect):
        yield table(_image_rows(decision.rule, candidate))
    repository = decide_repository(rules, registry=candidate.registry, repository=candidate.repository)
    yield f"repository {candidate.repository}: {_repository_line(repository)}"


def _answer_rows(answers: tuple[RuleAnswer, ...]) -> Iterator[list[str]]:
    """Yield a row per rule up to the first that decides; those after it are not asked."""
    for number, answer in enumerate(answers, start=1):
        verdict = "matches" if answer.matched else "undecided" if answer.needs else "does not match"
        yield [f"{number}.", answer.rule.name, f"{verdict}: {answer.sentence}"]
        if answer.matched or answer.needs:
            return


def _decision_line(decision: Decision) -> str:
    match decision:
        case Protect(rule):
            report = ", in report mode: it changes nothing" if rule.mode else ""
            return f"decision: protect, by rule {rule.name!r}{report}"
        case Ignore(reason):
            return f"decision: ignore, {reason}"
        case Undecided(needs, rule):
            options = " and ".join(f"--{need.replace('_', '-')}" for need in sorted(needs))
            return f"decision: undecided, rule {rule.name!r} needs {options}"


def _image_rows(rule: Rule, candidate: Candidate) -> list[list[str]]:
    tag = profile_text(rule.profile)
    if candidate.trigger is Trigger.DEPLOYMENT and (candidate.tag is None or not rule.tag):
        tag = "unchanged (a deployment rule locks the tag that was named only with tag = true)"
    referrers = profile_text(rule.manifest_profile) if rule.referrers else "unchanged (referrers = false)"
    return [["  tag", tag], ["  manifests", profile_text(rule.manifest_profile)], ["  referrers", referrers]]


def _repository_line(decision: Decision) -> str:
    if isinstance(decision, Ignore):
        return f"unchanged, {decision.reason}"
    return f"{profile_text(decision.rule.profile)}, by rule {decision.rule.name!r}, through audit repair"
