"""The client and the registry decide alike what a host runs on: over the trees of the client's
tests, from what its collectors make of each.
"""

import tempfile

import pytest

from crr_submit import collect
from registry.vocabulary import platform
from tests.client import trees


@pytest.mark.parametrize("name", trees.PLATFORMS)
def test_the_registry_reads_what_the_client_tells(name: str) -> None:
    files, wanted = trees.PLATFORMS[name]
    with tempfile.TemporaryDirectory() as folder:
        environment = collect.environment(trees.Captured(folder, files), with_cloud=False)
    found = platform.decide(environment)
    assert (found.type, found.mode, found.role, found.container) == wanted, found
    assert found.warnings == ()
