"""Delivery to servers that are not ours: Dovecot's submission service and Postfix."""
import pytest

import bodies
import harness
from harness import Gateway, letter, until, without_received

PROVIDER = """\
name: peer
endpoints: {{ token: "{token}" }}
scopes: {{ app: "mail", smtp: "mail", common: "openid offline_access" }}
smtp: {{ host: localhost, port: {port}, tls: starttls, sasl: {sasl} }}
limits: {{ connections: 4, messages-per-minute: 0, recipients-per-day: 0, recipients-per-message: 100, size-mb: 150 }}
ca-file: {ca}
"""
MAILBOX = harness.Tenant.MAILBOX


class Peer:
    """A gateway whose provider is the given server."""

    def __init__(self, world, port, certificates, sasl="xoauth2", identity=None, ca=None, extra=""):
        self.gateway = Gateway(world, extra)
        provider = world.file("peer.yaml", PROVIDER.format(token=f"{identity.tls_url}/token" if identity else "https://127.0.0.1:1/",
                                                           port=port, sasl=sasl, ca=ca or certificates.ca))
        self.gateway.add_provider(provider)

    def oauth(self):
        self.gateway.cli("registration", "add", "r", "--provider", "peer", "--tenant", "t", "--client-id", "c", "--secret-file", "-",
                         stdin="not-a-secret")
        self.gateway.cli("mailbox", "add", MAILBOX, "--registration", "r", "--grant", "app")
        return self.app()

    def basic(self, user, password):
        self.gateway.cli("mailbox", "add", MAILBOX, "--provider", "peer", "--grant", "basic", "--user", user, "--secret-file", "-",
                         stdin=password)
        return self.app()

    def app(self):
        self.password = self.gateway.json("app", "add", "erp", "--mailbox", MAILBOX)["password"]
        return self

    def submit(self, body, recipients="a@b.example", options=()):
        return self.gateway.submit("erp", self.password, MAILBOX, recipients, body, options)


def inner(content):
    """The message as the gateway was given it: without the upstream's Received line and without the gateway's."""
    return without_received(without_received(content))


@pytest.mark.parametrize("sasl", ["xoauth2", "oauthbearer"])
def test_dovecot_takes_the_token(world, dovecot, identity, certificates, sink, sasl):
    peer = Peer(world, dovecot.port, certificates, sasl, identity).oauth()
    message = peer.submit(letter())
    peer.gateway.wait_state(message, "delivered")
    assert inner(sink.messages[0].content) == letter()
    assert sink.messages[0].mail_from == MAILBOX and sink.messages[0].rcpt_tos == ["a@b.example"]
    assert identity.issued == 1


def test_a_refused_token_is_renewed_once(world, dovecot, identity, certificates, sink):
    """Dovecot answers a bad token with a base64 challenge and wants an empty line before it says 535."""
    peer = Peer(world, dovecot.port, certificates, "xoauth2", identity).oauth()
    peer.gateway.wait_state(peer.submit(letter("first")), "delivered")
    identity.live.clear()
    peer.gateway.cli("mailbox", "set", MAILBOX, "--alias", "other@contoso.example")  # closes pooled connections
    message = peer.submit(letter("second"))
    peer.gateway.wait_state(message, "delivered")
    assert identity.issued == 2


def test_tokens_that_stay_refused_hold_the_mail(world, dovecot, identity, certificates, sink):
    peer = Peer(world, dovecot.port, certificates, "xoauth2", identity).oauth()
    identity.user = "somebody-else@contoso.example"  # introspection names another user: Dovecot refuses
    message = peer.submit(letter())
    held = peer.gateway.wait_state(message, "held")
    assert "535" in held["recipients"][0]["last"] or "Authentication failed" in held["recipients"][0]["last"]
    assert held["recipients"][0]["finding"]
    assert identity.issued == 2, "one renewal, not a loop"
    identity.user = MAILBOX
    peer.gateway.cli("queue", "retry", message)
    peer.gateway.wait_state(message, "delivered")
    assert len(sink.messages) == 1


def test_every_body_arrives_byte_for_byte_through_dovecot(world, dovecot, identity, certificates, sink):
    peer = Peer(world, dovecot.port, certificates, "xoauth2", identity).oauth()
    for name, body in bodies.BODIES.items():
        before = len(sink.messages)
        message = peer.submit(body)
        peer.gateway.wait_state(message, "delivered")
        assert inner(sink.messages[before].content) == bodies.complete(body), name


@pytest.mark.slow
def test_fifty_megabytes(world, dovecot, identity, certificates, sink):
    peer = Peer(world, dovecot.port, certificates, "xoauth2", identity).oauth()
    body = bodies.large(50)
    message = peer.submit(body)
    peer.gateway.wait_state(message, "delivered", 120)
    assert inner(sink.messages[0].content) == bodies.complete(body)


def test_postfix_with_a_password(world, postfix, certificates, sink):
    peer = Peer(world, postfix.port, certificates, "plain").basic("shop", "secret")
    message = peer.submit(letter(), ["a@b.example", "c@d.example"])
    peer.gateway.wait_state(message, "delivered")
    until(lambda: sink.messages, "Postfix's delivery")
    assert inner(sink.messages[0].content) == letter()


def test_postfix_with_login(world, postfix, certificates, sink):
    peer = Peer(world, postfix.port, certificates, "login").basic("shop", "secret")
    peer.gateway.wait_state(peer.submit(letter()), "delivered")


def test_a_wrong_password_upstream_holds_and_says_so(world, postfix, certificates, sink):
    peer = Peer(world, postfix.port, certificates, "plain").basic("shop", "wrong")
    held = peer.gateway.wait_state(peer.submit(letter()), "held")
    assert "535" in held["recipients"][0]["last"] or "authentication failed" in held["recipients"][0]["last"].lower()
    status = peer.gateway.json("status")
    assert status["needs_person"][0]["address"] == MAILBOX


def test_the_token_is_never_sent_to_a_server_with_a_wrong_certificate(world, dovecot, identity, certificates, sink, tmp_path):
    other = world.dir / "other"
    other.mkdir()
    import peers
    import types
    foreign = peers.Certificates(types.SimpleNamespace(dir=other))
    peer = Peer(world, dovecot.port, certificates, "xoauth2", identity)
    provider = world.file("peer2.yaml", PROVIDER.format(token=f"{identity.tls_url}/token", port=dovecot.port, sasl="xoauth2",
                                                        ca=foreign.ca).replace("name: peer", "name: peer2"))
    peer.gateway.add_provider(provider)
    peer.gateway.cli("mailbox", "add", MAILBOX, "--provider", "peer2", "--grant", "basic", "--user", "shop", "--secret-file", "-",
                     stdin="secret")
    peer.app()
    held = peer.gateway.wait_state(peer.submit(letter()), "held")
    assert held["recipients"][0]["finding"] == "tls.certificate"
    assert identity.issued == 0 and "shop" not in dovecot.log()


def test_no_starttls_means_no_credential(world, certificates, sink):
    """The sink offers no STARTTLS; the provider asks for it."""
    peer = Peer(world, sink.port, certificates, "plain").basic("shop", "secret")
    held = peer.gateway.wait_state(peer.submit(letter()), "held")
    assert held["recipients"][0]["finding"] == "smtp.starttls-missing"
    assert not sink.messages


def test_a_relay_without_sign_in(world, certificates, sink):
    provider = world.file("lan.yaml", f"name: lan\nsmtp: {{ host: 127.0.0.1, port: {sink.port}, tls: none, sasl: none }}\n"
                                      "limits: { connections: 2 }\n")
    gateway = Gateway(world)
    gateway.add_provider(provider)
    gateway.cli("mailbox", "add", MAILBOX, "--provider", "lan", "--grant", "none")
    password = gateway.json("app", "add", "erp", "--mailbox", MAILBOX)["password"]
    gateway.wait_state(gateway.submit("erp", password, MAILBOX, "a@b.example", letter()), "delivered")
    assert without_received(sink.messages[0].content) == letter()


def test_one_app_by_password_while_others_go_by_token(world, postfix, certificates, sink):
    """A process whose mail has to go by a server with a password, from the same address as all the others."""
    tenant = harness.Tenant(world)
    g = tenant.gateway
    provider = world.file("peer.yaml", PROVIDER.format(token="https://127.0.0.1:1/", port=postfix.port, sasl="plain", ca=certificates.ca))
    g.add_provider(provider)
    g.prepare("mailbox", "add", "relay@contoso.example", "--provider", "peer", "--grant", "basic", "--user", "shop", "--shared", MAILBOX,
              "--secret-file", "-", stdin="secret")
    password = tenant.add_app("process", "relay@contoso.example")
    g.wait_state(tenant.submit(letter("by token"), "alice@contoso.example"), "delivered")
    g.wait_state(g.submit("process", password, MAILBOX, "a@b.example", letter("by password")), "delivered")
    assert [b"by token" in tenant.sandbox.raw(m) for m in tenant.sandbox.wait_messages(1)] == [True]
    until(lambda: sink.messages, "Postfix's delivery")
    assert len(sink.messages) == 1 and sink.messages[0].mail_from == MAILBOX and b"by password" in sink.messages[0].content
