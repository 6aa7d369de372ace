"""Mail that arrives in a watched mailbox is handed over once, whatever happens to the processes meanwhile."""
import http.client
import imaplib
import json
import os
import signal
import socket
import ssl
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness import letter, serve, until


class Local(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def api(gateway, method, path, body=None):
    client = Local(gateway.state / "admin.sock")
    client.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None,
                   {"Content-Type": "application/json"})
    answer = client.getresponse()
    text = answer.read().decode()
    assert answer.status < 300, (method, path, answer.status, text)
    return json.loads(text) if text.strip() else None


def endpoint(tenant, name="crm", **fields):
    maildir = tenant.world.dir / f"maildir-{name}"
    settings = {"name": name, "mailbox": tenant.MAILBOX, "kind": "maildir", "maildir": str(maildir), **fields}
    api(tenant.gateway, "PUT", f"/endpoints/{name}", settings)
    return maildir


def state(tenant, name="crm"):
    return api(tenant.gateway, "GET", f"/endpoints/{name}").get("watch_state", {"state": "", "waiting": 0})


def files(maildir):
    return sorted(maildir.glob("new/*")) if maildir.exists() else []


def subjects(maildir):
    found = []
    for f in files(maildir):
        found += [line.split(b": ", 1)[1].strip().decode() for line in f.read_bytes().split(b"\n") if line.startswith(b"Subject: ")]
    return sorted(found)


class Mailbox:
    """The mailbox itself, as another program sees it: signed in with the app's own token."""

    def __init__(self, tenant):
        info = tenant.sandbox.info
        self.tls = ssl.create_default_context(cafile=info["ca_file"])
        self.info, self.address = info, tenant.MAILBOX
        self.imap = self.sign_in()

    def token(self):
        r = next(r for r in self.info["registrations"] if r["name"] == "app")
        form = urllib.parse.urlencode({"client_id": r["client_id"], "client_secret": r["secret"],
                                       "grant_type": "client_credentials",
                                       "scope": "https://outlook.office365.com/.default"}).encode()
        url = f"{self.info['https']}/{r['tenant']}/oauth2/v2.0/token"
        with urllib.request.urlopen(urllib.request.Request(url, form), context=self.tls, timeout=30) as answer:
            return json.loads(answer.read())["access_token"]

    def sign_in(self):
        imap = imaplib.IMAP4_SSL("localhost", self.info["imap"]["port"], ssl_context=self.tls)
        blob = f"user={self.address}\x01auth=Bearer {self.token()}\x01\x01".encode()
        imap.authenticate("XOAUTH2", lambda _: blob)
        imap.select("INBOX")
        return imap

    def arrive(self, subject, body="Text\r\n"):
        status, data = self.imap.append("INBOX", None, None, letter(subject, body, to=self.address))
        assert status == "OK", data

    def uids(self, what="ALL"):
        self.imap.noop()
        return self.imap.uid("SEARCH", what)[1][0].split()


@pytest.fixture
def mailbox(tenant):
    return Mailbox(tenant)


def watched(tenant, name="crm"):
    until(lambda: tenant.gateway.events("inbox.connected"), "a connection to the mailbox")


class Hook(ThreadingHTTPServer):
    """A webhook that notes what it gets and answers as it is told."""

    def __init__(self):
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with hook.lock:
                    hook.got.append((dict(self.headers), body))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.got, self.status = threading.Lock(), [], 204
        serve(self)

    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/in"


@pytest.fixture
def hook():
    h = Hook()
    yield h
    h.shutdown()
    h.server_close()


def test_new_mail_lands_in_a_maildir_and_is_seen(tenant, mailbox):
    mailbox.arrive("old")
    maildir = endpoint(tenant)
    watched(tenant)
    until(lambda: state(tenant)["state"] == "idle", "the folder being watched")
    mailbox.arrive("first")
    until(lambda: len(files(maildir)) == 1, "one file")
    assert subjects(maildir) == ["first"]
    handed = tenant.gateway.wait_event("mail.handed")
    assert tenant.gateway.wait_event("mail.arrived")["item"] == handed["item"]
    until(lambda: len(mailbox.uids("SEEN")) == 1, "the message being marked")
    assert len(mailbox.uids()) == 2


def test_mail_that_came_while_the_daemon_was_down_comes_once(tenant, mailbox):
    maildir = endpoint(tenant, after="delete")
    until(lambda: state(tenant)["state"] == "idle", "the folder being watched")
    mailbox.arrive("before")
    until(lambda: len(files(maildir)) == 1, "one file")
    tenant.gateway.stop()
    mailbox.arrive("meanwhile")
    tenant.gateway.start()
    mailbox.arrive("after")
    until(lambda: len(files(maildir)) == 3, "three files")
    until(lambda: not mailbox.uids(), "an empty folder")
    assert subjects(maildir) == ["after", "before", "meanwhile"]


@pytest.mark.slow
@pytest.mark.parametrize("role", ["inbox", "queue", "vault"])
def test_a_role_killed_again_and_again_loses_nothing(tenant, mailbox, role):
    maildir = endpoint(tenant, after="delete")
    until(lambda: state(tenant)["state"] == "idle", "the folder being watched")
    names = [f"mail {n:02}" for n in range(40)]
    kills = 0
    for n, name in enumerate(names):
        mailbox.arrive(name)
        if n % 8 == 4:
            before = {r["pid"] for r in tenant.gateway.roles(role)}
            os.kill(before.copy().pop(), signal.SIGKILL)
            kills += 1
            until(lambda: tenant.gateway.is_answering() and
                  {r["pid"] for r in tenant.gateway.roles(role) if r["state"] == "running"} - before, f"a new {role}")
    until(lambda: set(names) <= set(subjects(maildir)) and not mailbox.uids(), "every message", 90)
    got = subjects(maildir)
    assert set(got) == set(names)
    assert len(got) <= len(names) + (kills if role == "inbox" else 0), got


def test_a_webhook_down_for_an_hour_gets_everything(tenant, mailbox, hook):
    hook.status = 503
    api(tenant.gateway, "PUT", "/endpoints/crm", {"name": "crm", "mailbox": tenant.MAILBOX, "kind": "webhook",
                                                  "webhook": {"url": hook.url()}})
    api(tenant.gateway, "POST", "/endpoints/crm/key", {})
    until(lambda: state(tenant)["state"] == "idle", "the folder being watched")
    for n in range(5):
        mailbox.arrive(f"mail {n}")
    tenant.gateway.wait_event("endpoint.failing")
    for _ in range(60):  # an hour
        tenant.world.clock.advance(60)
        until(lambda: state(tenant)["waiting"] == 5, "the mail waiting")
    tries = len(hook.got)
    assert 5 <= tries <= 150
    assert len(mailbox.sign_in().uid("SEARCH", "UNSEEN")[1][0].split()) == 5
    hook.status = 204

    def all_handed():  # a try that is under way when the clock moves has run out of time, and the next is a minute later
        tenant.world.clock.advance(20)
        return len(tenant.gateway.events("mail.handed")) == 5

    until(all_handed, "everything handed over")
    taken = {body["subject"] for _, body in hook.got[tries:]}
    assert taken == {f"mail {n}" for n in range(5)}
    until(lambda: len(Mailbox(tenant).uids("SEEN")) == 5, "all being marked")


def test_a_token_that_ends_is_replaced_without_loss(tenant, mailbox):
    maildir = endpoint(tenant)
    until(lambda: state(tenant)["state"] == "idle", "the folder being watched")
    for n in range(3):
        tenant.world.clock.advance(5400)
        Mailbox(tenant).arrive(f"mail {n}")
        until(lambda: len(files(maildir)) == n + 1, f"mail {n}", 60)
    assert subjects(maildir) == ["mail 0", "mail 1", "mail 2"]
    assert not tenant.gateway.events("inbox.failed", **{"needs-person": True})


def test_authenticated_but_not_connected_is_shown_with_its_fix(tenant, mailbox):
    tenant.sandbox.set("imap.state", "not-connected")
    endpoint(tenant)
    until(lambda: "finding" in state(tenant), "a finding")
    assert state(tenant)["finding"]["id"] == "imap.not-connected"
    assert state(tenant)["finding"]["fix"]
