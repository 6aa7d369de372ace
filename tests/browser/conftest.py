"""The console in a real browser: one Chromium for all tests of this folder, which run in one worker."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402  (found through the lines above)
from person import Chromium, Person  # noqa: E402
from scene import Scene  # noqa: E402


@pytest.fixture(scope="session")
def chromium():
    c = Chromium()
    yield c
    c.close()


@pytest.fixture(scope="module")
def world():
    w = harness.World()
    yield w
    w.close()


@pytest.fixture(scope="module")
def scene(world):
    return Scene(world)


@pytest.fixture
def stranger(chromium, scene):
    """Somebody at the console who has not signed in, with a browser that remembers nothing."""
    p = Person(chromium, scene)
    yield p
    p.end()


@pytest.fixture
def person(stranger, scene):
    """The administrator, signed in."""
    stranger.is_signed_in_as(scene.ADMINISTRATOR)
    return stranger


@pytest.fixture
def reader(stranger, scene):
    """The operator who may see and not change, signed in."""
    stranger.is_signed_in_as(scene.READER)
    return stranger


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What was on the screen when a step failed, beside the other results."""
    report = (yield).get_result()
    if report.when != "call" or not report.failed:
        return
    for value in item.funcargs.values():
        if isinstance(value, Person):
            report.sections.append(("the page", value.describe(f"failed-{item.name}")))
            break


def pytest_itemcollected(item):
    """At this moment, because xdist looks for groups as soon as all is collected."""
    if "tests/browser" in str(item.path):
        item.add_marker(pytest.mark.xdist_group("browser"))
