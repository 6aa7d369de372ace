"""Listeners with TLS: both kinds, what is offered when, and a new certificate without a new start."""
import smtplib
import ssl

import pytest

from harness import Gateway, Tenant, letter, submit_on, until


LISTENERS = """\
  - {{ protocol: smtp, address: "127.0.0.1:0", tls: starttls, auth-without-tls: false, certificate: "{cert}", key: "{key}" }}
  - {{ protocol: smtp, address: "127.0.0.1:0", tls: implicit, certificate: "{cert}", key: "{key}" }}
"""


@pytest.fixture
def safe(world, certificates):
    tenant = Tenant(world, extra=LISTENERS.format(cert=certificates.cert, key=certificates.key))
    tenant.tls = ssl.create_default_context(cafile=str(certificates.ca))
    tenant.certificates = certificates
    return tenant


def implicit(tenant):
    return smtplib.SMTP_SSL("localhost", tenant.gateway.ports[2], local_hostname="client.test", timeout=30, context=tenant.tls)


def test_signing_in_waits_for_starttls(safe):
    with safe.gateway.smtp(safe.gateway.ports[1]) as client:
        client.ehlo()
        assert client.has_extn("starttls") and not client.has_extn("auth")
        assert client.docmd("AUTH PLAIN AGVycAB4")[0] in (530, 538, 503, 504)
        assert client.mail(Tenant.MAILBOX)[0] == 530
        client._host = "localhost"
        assert client.starttls(context=safe.tls)[0] == 220
        client.ehlo()
        assert client.has_extn("auth") and not client.has_extn("starttls")
        client.login("erp", safe.password)
        message = submit_on(client, safe.MAILBOX, "alice@contoso.example", letter("by starttls"))
    safe.gateway.wait_state(message, "delivered")
    raw = safe.sandbox.raw(safe.sandbox.messages()[0])
    assert b"with ESMTPSA" in raw.split(b"\r\n\r\n")[0]


def test_implicit(safe):
    with implicit(safe) as client:
        client.ehlo()
        assert client.has_extn("auth") and not client.has_extn("starttls")
        client.login("erp", safe.password)
        message = submit_on(client, safe.MAILBOX, "alice@contoso.example", letter("by tls"))
    safe.gateway.wait_state(message, "delivered")


def test_what_is_said_before_tls_counts_for_nothing(safe):
    """RFC 3207 4.2: the session begins anew, and commands put in behind STARTTLS are not carried out."""
    with safe.gateway.smtp(safe.gateway.ports[1]) as client:
        client.ehlo()
        client.send(b"STARTTLS\r\nNOOP\r\nEHLO injected.test\r\n")
        code, _ = client.getreply()
        client._host = "localhost"
        if code == 220:  # the smuggled lines must not be answered inside TLS
            with pytest.raises((ssl.SSLError, smtplib.SMTPException, OSError)):
                client.sock = safe.tls.wrap_socket(client.sock, server_hostname="localhost")
                client.file = None
                assert client.noop()[0] != 250
                raise smtplib.SMTPServerDisconnected("the session went on, without them")
        else:
            assert code >= 500


def served(tenant):
    with implicit(tenant) as client:
        return client.sock.getpeercert()["serialNumber"]


def test_a_new_certificate_is_taken_on_reload_and_sessions_go_on(safe):
    before = served(safe)
    with implicit(safe) as client:
        client.ehlo()
        safe.certificates.make("server", "DNS:localhost,IP:127.0.0.1")
        import os
        import signal
        os.kill(safe.gateway.process.child.pid, signal.SIGHUP)
        until(lambda: served(safe) != before, "the new certificate")
        assert client.noop()[0] == 250


def test_a_broken_certificate_changes_nothing_on_reload(safe):
    before = served(safe)
    safe.certificates.cert.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    done = safe.gateway.cli("reload", check=False)
    assert done.returncode == 1 and str(safe.certificates.cert) in done.stdout + done.stderr
    assert served(safe) == before
