"""What holds for every test: how property tests are judged, and that all requests of the app are noted.

Property tests are judged by what they find, never by how long an example takes on a busy machine.
"""

import pytest
from hypothesis import HealthCheck, settings

from localcloud.traffic import WATCHERS
from tests.infra.rights import LAST, note

settings.register_profile("taglock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("taglock")
WATCHERS.append(note)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run last what looks at the requests of all other tests."""
    items.sort(key=lambda item: item.path.as_posix().endswith(LAST))
