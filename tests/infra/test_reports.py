"""Where the app's bindings put reports, the storage account has a container, and a rule for what goes some day."""

import runpy
from functools import cache
from typing import Any

from tests.infra.bicep import ROOT, template, unwrapped


@cache
def blob_paths() -> dict[str, str]:
    """Return the paths of the function that stores reports, by parameter; an app names its functions only once."""
    app = runpy.run_path(str(ROOT / "function_app.py"))["app"]
    (function,) = (each for each in app.get_functions() if each.get_function_name() == "audit_registry")
    bindings: list[dict[str, Any]] = [each.get_dict_repr() for each in function.get_bindings()]
    return {each["name"]: each["path"] for each in bindings if each["type"] == "blob"}


def config(resource: str) -> Any:
    return unwrapped(template("app/storage.bicep").resources[resource]["config"])


def deleted_prefix(container: str) -> str:
    """Return what the one rule of the life-cycle policy deletes; it has no other filter that names anything."""
    (rule,) = config("lifeCycle")["properties"]["policy"]["rules"]
    assert (rule["type"], rule["enabled"]) == ("Lifecycle", True)
    assert rule["definition"]["actions"] == {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 90}}}
    assert rule["definition"]["filters"].keys() == {"blobTypes", "prefixMatch"}
    assert rule["definition"]["filters"]["blobTypes"] == ["blockBlob"]
    (prefix,) = rule["definition"]["filters"]["prefixMatch"]
    return str(prefix).replace("${reports.name}", container)


def test_reports_go_into_the_container_that_is_made_for_them() -> None:
    container = config("reports")["name"]
    assert {path.partition("/")[0] for path in blob_paths().values()} == {container}


def test_dated_reports_are_deleted_some_day_and_the_latest_never() -> None:
    prefix = deleted_prefix(config("reports")["name"])
    deleted = {name for name, path in blob_paths().items() if path.startswith(prefix)}
    assert deleted == {"dated_page", "dated_report"}
    assert {path for path in blob_paths().values() if path.endswith(("latest.html", "latest.json"))} == {
        path for name, path in blob_paths().items() if name not in deleted
    }


def test_no_registry_is_called_as_the_folder_of_dated_reports() -> None:
    """The name of a registry is a host name with a dot; the folder has none."""
    prefix = deleted_prefix(config("reports")["name"])
    assert "." not in prefix.rstrip("/").rpartition("/")[2]
