"""postern mailbox test --protocol imap|pop3, against Dovecot: the way in step by step, and the cause first where it ends."""
import json
import time

import pytest

import harness
import peers
from harness import Gateway

MAILBOX = harness.Tenant.MAILBOX
PROVIDER = """\
name: peer
endpoints: {{ token: "{token}" }}
scopes: {{ app: "mail", imap: "mail", pop3: "mail", smtp: "mail" }}
imap: {{ host: localhost, port: {imap}, tls: {imap_tls}, sasl: {sasl} }}
pop3: {{ host: localhost, port: {pop3}, tls: {pop3_tls}, sasl: {sasl} }}
smtp: {{ host: localhost, port: 1, tls: starttls, sasl: xoauth2 }}
ca-file: {ca}
"""


class Room:
    def __init__(self, world):
        self.world = world
        self.certificates = peers.Certificates(world)
        self.identity = peers.Identity(MAILBOX, self.certificates)
        self.dovecot = peers.Dovecot(world, self.certificates, self.identity)
        self.gateway = Gateway(world, "")

    def provider(self, is_implicit=True, sasl="xoauth2", ca=None, **ports):
        names = ("imaps", "pop3s") if is_implicit else ("imap", "pop3")
        facts = dict(zip(("imap", "pop3"), (self.dovecot.ports[n] for n in names)), imap_tls="implicit" if is_implicit else "starttls",
                     pop3_tls="implicit" if is_implicit else "starttls", sasl=sasl, ca=ca or self.certificates.ca)
        facts.update(ports)
        file = self.world.file("peer.yaml", PROVIDER.format(token=f"{self.identity.tls_url}/token", **facts))
        self.gateway.add_provider(file)
        self.gateway.cli("registration", "add", "r", "--provider", "peer", "--tenant", "t", "--client-id", "c", "--secret-file", "-",
                         stdin="not-a-secret")
        self.gateway.cli("mailbox", "add", MAILBOX, "--registration", "r", "--grant", "app", "--protocols", "smtp", "imap", "pop3")

    def test(self, protocol):
        done = self.gateway.cli("mailbox", "test", MAILBOX, "--protocol", protocol, "--json", check=False)
        told = json.loads(done.stdout)
        assert (done.returncode == 0) == told["ok"]
        return told


@pytest.fixture
def room(world):
    r = Room(world)
    yield r
    r.identity.close()


def steps(told):
    return [s["step"] for s in told["steps"]]


def seen(told, step):
    return next(s["seen"] for s in told["steps"] if s["step"] == step)


@pytest.mark.parametrize("is_implicit", [True, False])
def test_a_mailbox_that_can_be_read(room, is_implicit):
    room.dovecot.deliver(MAILBOX, [harness.letter("one"), harness.letter("two")])
    room.dovecot.maildir(MAILBOX, "Entw&APw-rfe")
    room.provider(is_implicit)
    told = room.test("imap")
    assert told["ok"] and not told["findings"]
    before = ["name", "connection", "tls", "greeting"] if is_implicit else ["name", "connection", "greeting", "tls"]
    assert steps(told) == before + ["token", "token-says", "sign-in", "capabilities", "inbox", "folders"]
    assert seen(told, "inbox").startswith("2 messages, UIDVALIDITY ")
    assert "INBOX" in seen(told, "folders") and "Entwürfe" in seen(told, "folders")
    assert "certificate of" in seen(told, "tls") and "IDLE" in seen(told, "capabilities")
    told = room.test("pop3")
    assert told["ok"] and steps(told) == before + ["token", "token-says", "sign-in", "messages", "names"]
    assert seen(told, "messages").startswith("2 messages, ") and seen(told, "names").startswith("2 ")
    # It only looks.
    assert all(b"Seen" not in m for m in room.dovecot.stored(MAILBOX)) and len(room.dovecot.stored(MAILBOX)) == 2


def test_people_see_each_step(room):
    room.provider()
    done = room.gateway.cli("mailbox", "test", MAILBOX, "--protocol", "imap")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok"] * 10
    refused = room.gateway.cli("mailbox", "test", MAILBOX, "--protocol", "imap", "--to", MAILBOX, check=False)
    assert refused.returncode == 2 and "--to" in refused.stderr
    assert room.gateway.cli("mailbox", "test", MAILBOX, "--protocol", "nntp", check=False).returncode != 0


class Nobody(dict):
    def __contains__(self, token):
        return False


@pytest.mark.parametrize("protocol, sasl", [("imap", "xoauth2"), ("imap", "oauthbearer"), ("pop3", "xoauth2"), ("pop3", "oauthbearer")])
def test_a_refused_token_is_renewed_once(room, protocol, sasl):
    room.provider(sasl=sasl)
    room.identity.live = Nobody()
    told = room.test(protocol)
    assert not told["ok"] and [f["id"] for f in told["findings"]] == [f"{protocol}.auth.refused"]
    assert not told["steps"][-1]["ok"] and told["steps"][-1]["step"] == "sign-in"
    assert steps(told).count("token") == 2 and room.identity.issued == 2


@pytest.mark.parametrize("protocol, mistake, finding, step", [
    ("imap", "certificate", "tls.certificate", "tls"), ("pop3", "certificate", "tls.certificate", "tls"),
    ("imap", "port", "imap.not-imap", "greeting"), ("pop3", "port", "pop3.not-pop3", "greeting"),
    ("imap", "closed", "net.connect", "connection"), ("pop3", "closed", "net.connect", "connection")])
def test_what_is_in_the_way_is_named(room, protocol, mistake, finding, step):
    options = {}
    if mistake == "port":
        options = {"imap": room.dovecot.ports["pop3s"], "pop3": room.dovecot.ports["imaps"]}
    elif mistake == "closed":
        options = {"imap": harness.free_port(), "pop3": harness.free_port()}
    elif mistake == "certificate":
        options = {"ca": peers.Certificates(room.world, name="other").ca}
    room.provider(**options)
    told = room.test(protocol)
    assert not told["ok"] and told["findings"][0]["id"] == finding
    assert told["steps"][-1]["step"] == step and not told["steps"][-1]["ok"]
    assert room.identity.issued == 0, "nothing secret is fetched before the way is known to be good"


# -- The sandbox, which knows Exchange Online's refusals


@pytest.fixture
def tenant(world):
    t = harness.Tenant(world)
    t.gateway.cli("mailbox", "set", MAILBOX, "--protocols", "smtp", "imap", "pop3")
    return t


def exchange(tenant, protocol):
    done = tenant.gateway.cli("mailbox", "test", MAILBOX, "--protocol", protocol, "--json", check=False)
    return json.loads(done.stdout)


def test_a_mailbox_at_exchange_can_be_read(tenant):
    for generation in ("classic", "2026"):
        tenant.sandbox.set("imap.generation", generation)
        told = exchange(tenant, "imap")
        assert told["ok"], told
        assert "Sent Items" in seen(told, "folders") and "IMAP.AccessAsApp" in seen(told, "token-says")
    told = exchange(tenant, "pop3")
    assert told["ok"], told


def test_a_sign_in_is_not_yet_access(tenant):
    tenant.sandbox.set("imap.enabled", f"{MAILBOX}=off")
    told = exchange(tenant, "imap")
    assert not told["ok"] and [f["id"] for f in told["findings"]] == ["imap.not-connected"]
    assert steps(told)[-2:] == ["capabilities", "inbox"] and not told["steps"][-1]["ok"]
    assert any("Set-CASMailbox" in step and MAILBOX in step for step in told["findings"][0]["fix"])
