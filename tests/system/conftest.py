import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402  (found through the line above)


@pytest.fixture
def world():
    w = harness.World()
    yield w
    w.close()


@pytest.fixture
def sandbox(world):
    return harness.Sandbox(world)


@pytest.fixture
def gateway(world):
    return harness.Gateway(world)


@pytest.fixture
def tenant(world):
    return harness.Tenant(world)


def pytest_collection_modifyitems(items):
    """The quick ones first: a broken build shows itself in seconds."""
    items.sort(key=lambda item: "slow" in item.keywords)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than ten seconds")
