"""What an act's answer looks like on a terminal."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from taglock.cli.rule_text import table
from taglock.domain.http.own_api import Answered

REFUSED, INVALID, PARTLY = 1, 2, 3
INVALID_STATUSES = (400, 413, 415, 422)
OF_THE_HOST = {
    401: "nobody is signed in, or the key is wrong",
    404: "there is no such function: is TAGLOCK_API the address of the app?",
    429: "too many requests: try again in a moment",
}

Text = Callable[[Mapping[str, Any]], Iterator[str]]


def tell(answered: Answered, text: Text, *, as_json: bool) -> int:
    """Print an answer and return the exit code."""
    if answered.status >= 400:
        _tell_problem(answered, as_json=as_json)
        return INVALID if answered.status in INVALID_STATUSES else REFUSED
    if as_json:
        print(json.dumps(answered.body, indent=2))
    else:
        print(*(printable(line) for line in text(answered.body)), sep="\n")
    return PARTLY if answered.status == 207 else 0


def _tell_problem(answered: Answered, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answered.body, indent=2))
        return
    body = answered.body
    host = OF_THE_HOST.get(answered.status, "no reason given")
    print(printable(f"{answered.status} {body.get('title', '')}: {body.get('detail', host)}"), file=sys.stderr)
    known = ("type", "title", "status", "detail", "errors")
    more = {name: value for name, value in body.items() if name not in known}
    if more:
        print(printable(json.dumps(more, indent=2)), file=sys.stderr)


def printable(text: str) -> str:
    """Return a text that moves no terminal's cursor: names and reasons may come from anywhere."""
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)


def act_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of one act."""
    act = body["act"]
    yield f"{act['kind']} {act['id']}: {'preview, nothing was changed' if body['preview'] else act['phase']}"
    yield f"  of {', '.join(place_text(place) for place in act['places'])}"
    yield f"  by {act['by'].get('name') or act['by']['id']} at {act['created_at']}: {act['reason']}"
    if act.get("expires_at"):
        yield f"  until {act['expires_at']}"
    yield from _target_lines(body["targets"])
    yield from _surroundings(body["surroundings"])
    if body["undo"]:
        yield "by hand it would be undone with:"
        yield from (f"  {line}" for line in body["undo"])


def _target_lines(targets: list[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        [
            each["target"]["kind"],
            each["target"]["name"] or each["target"]["repository"],
            each["outcome"],
            ",".join(each["prior"]) or "nothing",
            each["message"],
        ]
        for each in targets
    ]
    if rows:
        yield table([["KIND", "NAME", "OUTCOME", "OFF BEFORE", ""], *rows])


def _surroundings(found: Mapping[str, Any]) -> Iterator[str]:
    for runs in found["runs"]:
        who = runs["who"]
        workloads = ", ".join(sorted({each["workload"] for each in who.get("deployments", ())}))
        yield f"runs: {who['answer']} {runs['digest']} ({workloads or who['reason']})"
    for shared in found["shares"]:
        yield f"shares {len(shared['manifests'])} manifests with {place_text(shared['index'])}"
    for place in found["elsewhere"]:
        yield f"also in {place_text(place)}"
    yield from (f"not known: {reason}" for reason in found["unread"])


def acts_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each act of a page."""
    rows = [
        [act["created_at"], act["id"], act["phase"], place_text(act["places"][0]), act["reason"]]
        for act in body["acts"]
    ]
    yield table([["SINCE", "ID", "PHASE", "OF", "REASON"], *rows])
    if body.get("following"):
        yield f"more: --after {body['following']}"


def many_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a retirement in bulk."""
    rows = [[place_text(each["place"]), each["rule"], each["outcome"], each["message"]] for each in body["retirements"]]
    yield table([["RELEASE", "RULE", "OUTCOME", ""], *rows])
    if not body["carried_out"]:
        yield f"nothing was changed; to retire these {len(rows)}: --acknowledge {body['plan']}"


def place_text(place: Mapping[str, Any]) -> str:
    """Return a place as a person writes it."""
    tagged = f":{place['tag']}" if place.get("tag") else ""
    pinned = f"@{place['digest']}" if place.get("digest") else ""
    return f"{place['registry']}/{place['repository']}{tagged}{pinned}"
