import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demo.__main__ import RULES
from demo.apps import apps
from demo.checks import Checks
from demo.cloud import CloudFailed, own_environment, running
from demo.deploying import Deploying
from demo.loosening import Loosening, request
from demo.quarantining import Quarantining
from demo.releases import Releases, root_layers
from demo.report import CheckFailed, Report
from demo.steps import Demonstration
from tests.architecture.sources import ROOT


def demo_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which the demo keeps its files in this folder, which tells its processes apart."""
    return {**os.environ, "TMPDIR": str(folder)}


def left_running(folder: Path) -> list[str]:
    """Return the command lines of local clouds whose state lies in this folder."""
    if not Path("/proc").is_dir():
        pytest.skip("no /proc to look for processes in")
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if "localcloud" in line and str(folder) in line:
            found.append(line)
    return found


def test_every_check_of_the_demonstration_holds_and_nothing_stays_behind(tmp_path: Path) -> None:
    environment = demo_environment(tmp_path)
    command = [sys.executable, "-m", "demo"]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr
    steps = re.findall(r"^(\d+)\. ", ran.stdout, re.MULTILINE)
    assert steps == [str(number) for number in range(1, 15)]
    assert re.search(r"prod/api:1\.4\.2 +tag +off +off +on +on +semver-releases$", ran.stdout, re.MULTILINE)
    assert re.search(r"regulated/ledger@sha256:\w+ +image +off +off +on +on +full-lock$", ran.stdout, re.MULTILINE)
    assert re.search(r"prod/api:latest +tag +on +on +on +on +\(none: free\)$", ran.stdout, re.MULTILINE)
    assert re.search(r"apps/shop:latest +tag +on +on +on +on +\(none: free\)$", ran.stdout, re.MULTILINE)
    assert re.search(r"apps/shop@\w+:\w+ +index +off +on +on +on +what-runs-in-production$", ran.stdout, re.MULTILINE)
    assert re.search(r"^   LOOSENED +prod/api:1\.4\.2 ", ran.stdout, re.MULTILINE)
    assert re.search(r"^   prod/api@\w+:\w+ +index +off +on +on +off$", ran.stdout, re.MULTILINE)
    assert re.search(r"^   Azure SDK +refused +refused +refused$", ran.stdout, re.MULTILINE)
    assert bool(shutil.which("skopeo")) == bool(re.search(r"^   skopeo +refused", ran.stdout, re.MULTILINE))
    assert shown_in_readme() <= {line.partition(". The demo took")[0] for line in ran.stdout.splitlines()}
    assert not left_running(tmp_path)


def shown_in_readme() -> set[str]:
    """Return the README's lines about steps, tags and the result; digests, ports and times differ between machines."""
    shown = re.search(r"^```text\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert shown is not None
    lines = {
        line for line in shown[1].splitlines() if re.match(r"\d+\. |   (prod|regulated|apps)/|   LOOSENED|All ", line)
    }
    kept = {line.partition(". The demo took")[0] for line in lines if "@sha256:" not in line}
    assert len(kept) > 25
    return kept


def test_a_release_that_is_not_locked_fails_the_demonstration_and_is_named(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    without_bundles = RULES.read_text().replace('["prod/**"]', '["prod/**", "!prod/bundle"]')
    rules.write_text(without_bundles)
    with running(tmp_path / "cloud", rules=rules) as cloud:
        demonstration = Demonstration(cloud, Report(), patience_seconds=3.0)
        with pytest.raises(CheckFailed, match=r"prod/bundle:2\.0\.0 shows delete on, write on, .*expected delete off"):
            demonstration.run()


def test_what_runs_and_is_not_locked_fails_the_demonstration_and_is_named(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES.read_text().replace('environments = ["production"]', 'environments = ["staging"]'))
    with running(tmp_path / "cloud", rules=rules) as cloud:
        checks = Checks(cloud, Report(), patience_seconds=2.0)
        with pytest.raises(
            CheckFailed, match=r"after 2 s: apps/shop@sha256:\w+ shows delete on, .*expected delete off"
        ):
            Deploying(checks, apps(root_layers())).run()


def test_an_audit_that_finds_no_drift_fails_the_demonstration(tmp_path: Path, built: Releases) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('version = 1\n[[rule]]\nname = "all-free"\naction = "ignore"\n')
    with running(tmp_path / "cloud", rules=rules) as cloud:
        checks = Checks(cloud, Report(), patience_seconds=30.0)
        checks.push(built.first())
        with pytest.raises(CheckFailed, match="the verdict is CLEAN, expected DRIFT"):
            Loosening(checks, locked=built.first()).run(tag_of=built.plain, child_of=built.two_platforms)


def test_a_registry_that_hides_what_it_refuses_fails_the_demonstration(tmp_path: Path, built: Releases) -> None:
    with running(tmp_path / "cloud", rules=RULES) as cloud:
        checks = Checks(cloud, Report(), patience_seconds=30.0)
        checks.push([built.two_platforms])
        checks.settled()
        cloud.change_registry(unreadable_pull="unknown")
        with pytest.raises(CheckFailed, match=r"pulled: \{'HTTPS': .*404 .*, expected .*disallowed"):
            Quarantining(checks, built.two_platforms).run()


def test_a_quarantine_that_somebody_else_undid_fails_the_demonstration(tmp_path: Path, built: Releases) -> None:
    with running(tmp_path / "cloud", rules=RULES) as cloud:
        checks = Checks(cloud, Report(), patience_seconds=30.0)
        checks.push([built.two_platforms])
        checks.settled()
        before = checks.shown([built.two_platforms])
        step = Quarantining(checks, built.two_platforms)
        step.deploy()
        act = step.quarantine()
        assert checks.client.ask(request(before[built.two_platforms.name][-1])).status == 200
        with pytest.raises(CheckFailed, match=r"the answer is .*409.*changed-meanwhile.*, expected 200 and all"):
            step.lift(act, before)


def test_without_skopeo_a_release_is_quarantined_and_lifted_with_as_many_checks(
    tmp_path: Path, built: Releases, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = []
    with running(tmp_path / "cloud", rules=RULES) as cloud:
        made = Checks(cloud, Report(), patience_seconds=30.0)
        made.push([built.two_platforms])
        made.settled()
        for installed in (shutil.which("skopeo"), None):
            before = made.report.checks
            monkeypatch.setattr("demo.pullers.shutil.which", lambda _name, found=installed: found)
            Quarantining(made, built.two_platforms).run()
            checks.append(made.report.checks - before)
    assert checks[0] == checks[1]
    assert "skopeo is not installed here, so only these two pull." in capsys.readouterr().out


def test_a_cloud_that_does_not_come_up_is_told_with_what_it_said(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()  # where the cloud wants a file
    with pytest.raises(CloudFailed, match=r"(?s)exit code 1\).*IsADirectoryError"), running(tmp_path, rules=RULES):
        pass


def test_a_demonstration_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = demo_environment(tmp_path)
    command = [sys.executable, "-m", "demo"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("2. "):  # the cloud is up
            break
    assert left_running(tmp_path)
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    assert process.wait() == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())
    assert not left_running(tmp_path)


def test_the_users_own_settings_and_proxies_do_not_reach_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TAGLOCK_REGISTRIES", "AZURE_CLIENT_ID", "IDENTITY_ENDPOINT", "HTTPS_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "x")
    kept = own_environment()
    assert not {"TAGLOCK_REGISTRIES", "AZURE_CLIENT_ID", "IDENTITY_ENDPOINT", "HTTPS_PROXY", "http_proxy"} & kept.keys()
    assert kept["PATH"] == os.environ["PATH"]


def test_an_image_pushed_by_hand_is_shown_with_its_lock_and_cannot_be_replaced(tmp_path: Path) -> None:
    push = [sys.executable, "-m", "demo.push", "prod/web:1.0.0", "--platforms"]
    with running(tmp_path, rules=RULES):
        command = [*push, "--state", str(tmp_path / "state.json")]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        command.remove("--platforms")
        again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert re.fullmatch(r"prod/web:1\.0\.0: push of .*: 405 .*REGISTRY_DISALLOWED_OPERATION.*\n", again.stderr)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"^prod/web:1\.0\.0 +tag +off +off +on +on$", ran.stdout, re.MULTILINE)
    assert ran.stdout.count("attestation  off     on ") == 2
