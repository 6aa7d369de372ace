import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402  (found through the line above)
import peers  # noqa: E402


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
    """What takes long begins first, so that at the end no worker is alone with it: the browser's chain, then the slow ones."""
    items.sort(key=lambda item: 0 if "tests/browser" in str(item.path) else 1 if "slow" in item.keywords else 2)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than ten seconds")


@pytest.fixture
def certificates(world):
    return peers.Certificates(world)


@pytest.fixture
def identity(certificates):
    i = peers.Identity(harness.Tenant.MAILBOX, certificates)
    yield i
    i.close()


@pytest.fixture
def sink():
    s = peers.Sink()
    yield s
    s.close()


@pytest.fixture
def dovecot(world, certificates, identity, sink):
    """Dovecot, XOAUTH2 and OAUTHBEARER only; its submission service relays to the sink."""
    return peers.Dovecot(world, certificates, identity, sink.port)


@pytest.fixture
def mailhost(world, certificates, identity, sink):
    """Dovecot with everything: by token as `dovecot`, and by the password "secret" for clients that know no tokens."""
    return peers.Dovecot(world, certificates, identity, sink.port, password="secret")


@pytest.fixture
def postfix(world, certificates, sink):
    """Postfix with SASL PLAIN and LOGIN for user shop, password secret, relaying to the sink."""
    p = peers.Postfix(world, certificates, sink.port, peers.DovecotSasl(world, "shop", "secret").socket)
    yield p
    p.close()
