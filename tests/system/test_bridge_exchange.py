"""Mail in through the gateway from the sandbox, which has Exchange Online's words, by the clients that Python has."""
import imaplib
import poplib
import smtplib

import pytest

from harness import Tenant, letter, until
from test_grants import authorize

SHARED = "invoices@contoso.example"  # the sandbox lets shop@ open it and send as it
LISTENERS = """\
  - { protocol: imap, address: "127.0.0.1:0", tls: none }
  - { protocol: pop3, address: "127.0.0.1:0", tls: none }
  - { protocol: smtp, address: "127.0.0.1:0", tls: none, mode: through }
bridge: { pop3-idle: 3h }
"""
IMAP, POP3, SMTP = 1, 2, 3  # their places behind the listener that queues


def imap(tenant, user, password):
    client = imaplib.IMAP4("127.0.0.1", tenant.gateway.ports[IMAP])
    client.login(user, password)
    return client


def pop3(tenant, user, password):
    client = poplib.POP3("127.0.0.1", tenant.gateway.ports[POP3])
    client.user(user)
    client.pass_(password)
    return client


def smtp(tenant, user, password):
    client = smtplib.SMTP("127.0.0.1", tenant.gateway.ports[SMTP], local_hostname="client.test", timeout=60)
    client.login(user, password)
    return client


def read_by_pop3(client, number=1):
    return b"\r\n".join(client.retr(number)[1]) + b"\r\n"


def test_a_shared_mailbox_is_read_and_written_for_by_a_delegate(world):
    """The one who signs in is the delegate; reading names the shared mailbox to Exchange, sending the delegate."""
    tenant = Tenant(world, grant="code", extra=LISTENERS)
    box = tenant.sandbox
    box.set("auto-consent", "on")
    tenant.add_mailbox(SHARED, "code", "--user", tenant.MAILBOX)
    authorize(tenant, SHARED)
    password = tenant.add_app("crm", SHARED)
    box.put(letter("to the delegate", to=tenant.MAILBOX), tenant.MAILBOX)
    box.put(letter("to all of us", to=SHARED), SHARED)

    with imap(tenant, "crm", password) as client:
        assert client.select()[1] == [b"1"]
        assert client.fetch("1", "(BODY[])")[1][0][1] == letter("to all of us", to=SHARED)
        assert client.append("INBOX", None, None, letter("a note", to=SHARED))[0] == "OK"
    client = pop3(tenant, "crm", password)
    assert client.stat()[0] == 2 and read_by_pop3(client) == letter("to all of us", to=SHARED)
    client.quit()
    assert [len(box.folder(who)["items"]) for who in (SHARED, tenant.MAILBOX)] == [2, 1]

    with smtp(tenant, "crm", password) as client:
        client.sendmail(SHARED, ["bob@contoso.example"], letter("from all of us", sender=SHARED))
    [sent] = [m for m in box.messages() if m.get("signed_in")]
    assert (sent["envelope"]["from"], sent["user"], sent["signed_in"]) == (SHARED, tenant.MAILBOX, tenant.MAILBOX), sent

    # The right to open it is taken away: signing in still works, and what does not is said by Exchange and explained here.
    box.set("mailbox-permission", f"{tenant.MAILBOX}:{SHARED}=missing")
    with pytest.raises(poplib.error_proto, match=rf"-ERR \[SYS/(TEMP|PERM)\] {SHARED}: [A-Z]"):
        pop3(tenant, "crm", password)
    assert "Server Unavailable" in tenant.gateway.wait_event("bridge.refused", mailbox=SHARED)["text"]


def test_pop3_at_exchange(world):
    """Reading, deleting, and each way in which Exchange refuses: in its words, with what a person is to do in the log."""
    tenant = Tenant(world, grant="app", extra=LISTENERS)
    box, g, user = tenant.sandbox, tenant.gateway, ("erp", tenant.password)
    bodies = [letter("one"), letter("dots", ".\r\n..\r\n.x\r\n"), letter("8 bit", ("\u00e4" * 400 + "\r\n") * 9)]
    for body in bodies:
        box.put(body, tenant.MAILBOX)

    client = pop3(tenant, *user)
    assert client.stat() == (3, sum(map(len, bodies)))
    names = client.uidl()[1]
    assert [read_by_pop3(client, n) for n in (1, 2, 3)] == bodies
    client.dele(2)
    client.quit()
    box.set("pop3.generation", "classic")
    client = pop3(tenant, *user)
    assert client.uidl()[1] == [b"1 " + names[0].split()[1], b"2 " + names[2].split()[1]]

    box.set("pop3.connections", 1)
    refused(tenant, "Server Unavailable")
    assert client.noop().startswith(b"+OK"), "who is in stays in"
    box.set("pop3.state", f"{tenant.MAILBOX}=lost")
    with pytest.raises(poplib.error_proto, match="Server Unavailable. 21"):
        client.stat()
    client.quit()
    box.set("pop3.state", f"{tenant.MAILBOX}=unavailable")
    refused(tenant, "Server Unavailable. 21")
    box.set("pop3.state", f"{tenant.MAILBOX}=ok")
    box.set("pop3.enabled", f"{tenant.MAILBOX}=off")
    event = refused(tenant, "Server Unavailable. 21")
    assert "PopEnabled" in str(event["fix"]), event["fix"]
    box.set("pop3.enabled", f"{tenant.MAILBOX}=on")

    # A session that outlives its token is ended by Exchange; who comes back finds a new token.
    box.set("pop3.idle", 0)
    client = pop3(tenant, *user)
    world.clock.advance(g.events("token.renewed")[-1]["lifetime"] + 60)
    with pytest.raises(poplib.error_proto, match="AccessTokenExpired"):
        client.stat()
    g.wait_event("bridge.token-expired", mailbox=tenant.MAILBOX)
    client = pop3(tenant, *user)
    assert client.stat()[0] == 2
    client.quit()
    assert not g.json("status")["needs_person"]


def refused(tenant, words):
    """The program reads the cause on one line, with a code of RFC 3206; the log has the server's words and what is to be done."""
    before = len(tenant.gateway.events("bridge.refused"))
    with pytest.raises(poplib.error_proto, match=rf"-ERR \[SYS/(TEMP|PERM)\] {tenant.MAILBOX}: [A-Z]"):
        pop3(tenant, "erp", tenant.password)
    event = until(lambda: tenant.gateway.events("bridge.refused")[before:], "a refusal in the log")[-1]
    assert event["finding"].startswith("pop3.") and words in event["text"] and event["cause"] and event["fix"], event
    return event
