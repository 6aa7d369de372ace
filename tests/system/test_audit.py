"""The audit: every change that somebody makes leaves one line, which says who, what, and from what to what, and never a secret."""
import base64
import json
import os
import re
import sqlite3

import pytest

import harness
from harness import Tenant, letter, until
from test_oauth import browse

SHOP = Tenant.MAILBOX
DESK = "desk@contoso.example"
ANNA = "correct horse battery"
OTHER = "staple of nine lives"
OPERATOR = {"kind": "operator", "name": "anna", "host": "127.0.0.1"}
NOBODY = {"kind": "nobody", "name": "", "host": "127.0.0.1"}


class Office:
    """A gateway, its sandbox, and anna who is signed in; shared by the tests of this file, none of which minds what the others did."""

    def __init__(self, world):
        self.tenant = Tenant(world, grant="code")
        self.gateway, self.sandbox = self.tenant.gateway, self.tenant.sandbox
        self.sandbox.set("auto-consent", "on")
        self.local = self.gateway.local()
        self.gateway.prepare("operator", "add", "anna", "--role", "administrator", "--password-file", "-", stdin=ANNA)
        self.anna = self.gateway.console()
        assert self.anna.sign_in("anna", ANNA).status == 200
        self.stranger = self.gateway.console()
        self.secrets = [ANNA, OTHER]

    def lines(self, **query):
        found = self.local.get("audit?" + "&".join(f"{k}={v}" for k, v in {"limit": 500, **query}.items()))
        assert found.status == 200, found
        return found.json["items"]

    @property
    def newest(self):
        return self.lines(limit=1)[0]["id"]

    def since(self, place):
        return [line for line in reversed(self.lines()) if line["id"] > place]

    def secret_of(self, answer, member):
        self.secrets.append(answer.json[member])
        return answer

    def read_all(self):
        """What the file holds, and what the API shows."""
        return json.dumps(self.lines())


@pytest.fixture(scope="module")
def office():
    world = harness.World()
    yield Office(world)
    world.close()


KEY = {"name": "crm-key", "scopes": ["send"]}
APP = {"name": "crm", "mailboxes": [DESK]}
ENDPOINT = {"name": "hook", "mailbox": DESK, "kind": "webhook", "webhook": {"url": "https://crm.example/mail"}}
PROVIDER = {"name": "plain", "smtp": {"host": "mail.example", "sasl": "plain"}, "imap": {"host": "mail.example", "sasl": "plain"}}
REGISTRATION = {"name": "second", "provider": "sandbox", "tenant": "contoso.example", "client_id": "11111111-1111-4111-8111-111111111111",
                "credential": "secret"}

# Who does it is anna; in this order. The changes that are named must be there as they are; None: the line has none.
CHANGES = [
    ("PUT", "providers/plain", PROVIDER, "add", "provider", "plain", {"name": [None, "plain"]}),
    ("PATCH", "providers/plain", {"smtp": {"port": 2525}}, "change", "provider", "plain", {"smtp.port": [587, 2525]}),
    ("PUT", "registrations/second", REGISTRATION, "add", "registration", "second", {"credential": [None, "secret"]}),
    ("PUT", "registrations/second/secret", {"secret": "registration-secret-1"}, "secret", "registration", "second", {}),
    ("PATCH", "registrations/second", {"secret_expires": "2031-01-31"}, "change", "registration", "second", {"secret_expires": ["", "2031-01-31"]}),
    ("POST", "registrations/second/certificate", {}, "change", "registration", "second", {"credential": ["secret", "certificate"]}),
    ("PUT", f"mailboxes/{DESK}", {"address": DESK, "provider": "plain", "grant": "basic"}, "add", "mailbox", DESK, {"grant": [None, "basic"]}),
    ("PUT", f"mailboxes/{DESK}/password", {"password": "mailbox-password-1"}, "password", "mailbox", DESK, {}),
    ("POST", f"mailboxes/{DESK}/pause", None, "change", "mailbox", DESK, {"is_paused": [False, True]}),
    ("POST", f"mailboxes/{DESK}/resume", None, "change", "mailbox", DESK, {"is_paused": [True, False]}),
    ("PUT", "apps/crm", APP, "add", "app", "crm", {"mailboxes": [None, [DESK]]}),
    ("POST", "apps/crm/password", None, "password", "app", "crm", {}),
    ("PATCH", "apps/crm", {"any_sender": True}, "change", "app", "crm", {"any_sender": [False, True]}),
    ("PUT", "endpoints/hook", ENDPOINT, "add", "endpoint", "hook", None),
    ("POST", "endpoints/hook/key", None, "key", "endpoint", "hook", {}),
    ("POST", "endpoints/hook/pause", None, "change", "endpoint", "hook", {"is_paused": [False, True]}),
    ("POST", "endpoints/hook/resume", None, "change", "endpoint", "hook", {"is_paused": [True, False]}),
    ("PUT", "operators/bert", {"name": "bert"}, "add", "operator", "bert", {"role": [None, "operator"]}),
    ("PUT", "operators/bert/password", {"password": OTHER}, "password", "operator", "bert", {}),
    ("PATCH", "operators/bert", {"role": "administrator"}, "change", "operator", "bert", {"role": ["operator", "administrator"]}),
    ("PUT", "operators/anna/password", {"password": ANNA, "current": ANNA}, "password", "operator", "anna", {}),
    ("PUT", "keys/crm-key", KEY, "add", "key", "crm-key", {"scopes": [None, ["send"]]}),
    ("POST", "keys/crm-key/secret", None, "secret", "key", "crm-key", {}),
    ("PATCH", "keys/crm-key", {"expires": "2031-01-31"}, "change", "key", "crm-key", {"expires": ["", "2031-01-31"]}),
    ("POST", f"mailboxes/{SHOP}/authorize", {"method": "paste"}, "authorize", "mailbox", SHOP, {}),
    ("POST", f"mailboxes/{SHOP}/owner-link", None, "owner-link", "mailbox", SHOP, {}),
    ("POST", "reload", None, "reload", "configuration", "", {}),
    ("DELETE", "keys/crm-key", None, "remove", "key", "crm-key", {"scopes": [["send"], None]}),
    ("DELETE", "operators/bert", None, "remove", "operator", "bert", {"role": ["administrator", None]}),
    ("DELETE", "endpoints/hook", None, "remove", "endpoint", "hook", None),
    ("DELETE", "apps/crm", None, "remove", "app", "crm", None),
    ("DELETE", f"mailboxes/{DESK}", None, "remove", "mailbox", DESK, None),
    ("DELETE", "registrations/second", None, "remove", "registration", "second", None),
    ("DELETE", "providers/plain", None, "remove", "provider", "plain", None),
]


def test_every_change_leaves_one_line(office):
    place = office.newest
    for method, path, body, action, kind, key, changes in CHANGES:
        answer = office.anna(method, path, body)
        assert answer.status < 300, (path, answer)
        for member in ("key", "password", "url"):
            if answer.status == 200 and answer.text and member in answer.json and path.rsplit("/", 1)[1] in ("secret", "password", "key", "owner-link"):
                office.secret_of(answer, member)
        lines = office.since(place)
        assert len(lines) == 1, (method, path, lines)
        line = lines[0]
        assert (line["who"], line["action"], line["kind"], line["key"]) == (OPERATOR, action, kind, key), (path, line)
        if changes is None:
            assert line["changes"], (path, line)
        elif not changes:
            assert line["changes"] == {}, (path, line)
        for field, pair in (changes or {}).items():
            assert line["changes"][field] == pair, (path, line)
        place = line["id"]
    text = office.read_all()
    for secret in [*office.secrets, "registration-secret-1", "mailbox-password-1", "PRIVATE KEY"]:
        assert secret not in text, secret


def test_reading_and_being_refused_leave_none(office):
    place = office.newest
    for path in ("operators", "keys", "audit", "mailboxes", f"mailboxes/{SHOP}/grant", "export", "status", "overview", "session"):
        assert office.anna.get(path).status == 200, path
    assert office.anna.patch(f"mailboxes/{SHOP}", {"is_paused": False}).status == 200  # as it was
    assert office.anna.patch(f"mailboxes/{SHOP}", {"is_paused": "maybe"}).status == 422
    assert office.anna.put("operators/anna/password", {"password": "short", "current": ANNA}).status == 422
    assert office.anna.put("apps/erp", {"name": "erp", "mailboxes": ["ghost@contoso.example"]}).status == 422
    assert office.anna.delete("keys/none").status == 404
    assert office.anna.post("keys/none/secret").status == 404
    assert office.anna.delete(f"mailboxes/{SHOP}").status == 409
    assert office.anna.post("apply?dry_run=1", {"apps": [{"name": "new", "mailboxes": [SHOP]}]}).status == 200
    assert office.anna.patch(f"mailboxes/{SHOP}", {"is_paused": True}, headers={"If-Match": '"0"'}).status == 412
    assert office.since(place) == []


def test_a_document_leaves_a_line_for_each_change(office):
    place = office.newest
    document = {"apps": [{"name": "one", "mailboxes": [SHOP]}, {"name": "two", "mailboxes": [SHOP]}]}
    assert office.anna.post("apply", document).status == 200
    assert [(line["action"], line["kind"], line["key"], line["who"]) for line in office.since(place)] == [
        ("add", "app", "one", OPERATOR), ("add", "app", "two", OPERATOR)]
    place = office.newest
    document["apps"][0]["any_sender"] = True
    del document["apps"][1]
    document["apps"].append({"name": "erp", "mailboxes": [SHOP]})
    assert office.anna.post("apply?prune=1", document).status == 200
    assert [(line["action"], line["key"]) for line in office.since(place)] == [("change", "one"), ("remove", "two")]


def test_messages_leave_one_line_for_each_request(office):
    office.gateway.prepare("mailbox", "pause", SHOP)
    ids = [office.tenant.submit(letter(f"audited {i}")) for i in range(3)]
    place = office.newest
    for action in ("hold", "release", "retry", "remove"):
        done = office.anna.post(f"messages/{action}", {"ids": ids}).json["done"]
        line, = office.since(place)
        assert (line["action"], line["kind"], line["key"], line["who"]) == (action, "message", "", OPERATOR)
        assert sorted(line["changes"]["ids"]) == sorted(done) == sorted(ids) and line["changes"]["count"] == 3
        place = line["id"]
    assert office.anna.post("messages/remove", {"ids": ids}).json["done"] == [] and office.since(place) == []
    office.gateway.prepare("mailbox", "resume", SHOP)


def test_who_reads_mail_is_told(office):
    office.gateway.prepare("mailbox", "pause", SHOP)
    m = office.tenant.submit(letter("private"))
    place = office.newest
    assert office.anna.get(f"messages/{m}").status == 200 and office.since(place) == []
    assert office.anna.get(f"messages/{m}/content").status == 200
    line, = office.since(place)
    assert (line["action"], line["kind"], line["key"], line["who"]) == ("read", "message", m, OPERATOR)
    office.gateway.prepare("queue", "remove", m)
    office.gateway.prepare("mailbox", "resume", SHOP)


def test_a_key_and_a_user_of_the_machine_are_named(office):
    local = office.local
    assert local.put("keys/robot", {"name": "robot", "scopes": ["admin"]}).status == 201
    robot = office.gateway.console(bearer=office.secret_of(local.post("keys/robot/secret"), "key").json["key"])
    place = office.newest
    assert robot.put("apps/by-robot", {"name": "by-robot", "mailboxes": [SHOP]}).status == 201
    assert local.delete("apps/by-robot").status == 204
    by_key, by_user = office.since(place)
    assert by_key["who"] == {"kind": "key", "name": "robot", "host": "127.0.0.1"}
    assert by_user["who"]["kind"] == "local" and by_user["who"]["host"] == "local" and by_user["who"]["name"] == harness.Gateway.USER


# -- coming in --


def test_sign_ins_and_sign_outs_leave_one_line(office):
    c = office.gateway.console()
    place = office.newest
    assert c.sign_in("anna", ANNA).status == 200
    assert c.delete("session").status == 204
    assert c.sign_in("anna", "not the password").status == 401
    assert c.sign_in("a password in the wrong field", "whatever").status == 401
    assert office.gateway.console(bearer="postern.robot." + "A" * 43).get("status").status == 401
    assert [(line["action"], line["kind"], line["key"], line["who"]["name"]) for line in office.since(place)] == [
        ("sign-in", "operator", "anna", "anna"), ("sign-out", "operator", "anna", "anna"), ("refused", "operator", "anna", "anna"),
        ("refused", "operator", "", ""), ("refused", "key", "", "")]


def test_a_setup_link_and_its_use_are_told(office):
    place = office.newest
    token = office.gateway.json("setup")["url"].split("#")[1]
    made, = office.since(place)
    assert (made["action"], made["kind"], made["who"]["kind"]) == ("setup-link", "operator", "local")
    place = made["id"]
    assert office.gateway.console().post("setup", {"token": token, "name": "carl", "password": OTHER}).status == 201
    lines = office.since(place)
    assert sorted((line["action"], line["key"]) for line in lines) == [("add", "carl"), ("password", "carl"), ("sign-in", "carl")], lines
    assert all(line["who"]["host"] == "127.0.0.1" for line in lines)
    office.secrets.append(token)
    assert token not in office.read_all() and OTHER not in office.read_all()


# -- mailboxes that people sign in --


def test_a_landing_is_told_once_however_many_wait(office):
    started = office.anna.post(f"mailboxes/{SHOP}/authorize", {"method": "console"}).json
    waiting = [w.connection() for w in (office.anna, office.local)]
    for c, who in zip(waiting, (office.anna, office.local)):
        c.request("GET", f"/api/v1/authorizations/{started['id']}/wait", headers=who.headers("GET"))
    place = office.newest
    redirected = browse(office.tenant, started["url"], follow=False)
    assert office.stranger.post("authorizations/land", {"redirected": redirected}).status == 200
    for c in waiting:
        answer = c.getresponse()
        assert answer.status == 200 and "is_news" not in json.loads(answer.read())
        c.close()
    line, = office.since(place)
    assert (line["action"], line["kind"], line["key"], line["who"]) == ("authorized", "mailbox", SHOP, NOBODY)
    assert office.stranger.post("authorizations/land", {"redirected": redirected}).status == 422
    assert len(office.since(place)) == 1


def test_what_is_pasted_is_told_of_who_pasted_it(office):
    started = office.anna.post(f"mailboxes/{SHOP}/authorize", {"method": "paste"}).json
    place = office.newest
    redirected = browse(office.tenant, started["url"], follow=False)
    assert office.anna.post(f"authorizations/{started['id']}/finish", {"redirected": redirected}).status == 200
    line, = office.since(place)
    assert (line["action"], line["key"], line["who"]) == ("authorized", SHOP, OPERATOR)
    assert not re.search(r"code=|state=", office.read_all())


def test_an_owner_is_told_by_the_link(office):
    link = office.anna.post(f"mailboxes/{SHOP}/owner-link").json["url"]
    token = link.rsplit("/", 1)[1]
    place = office.newest
    assert office.stranger.post("owner/look", {"token": token}).status == 200
    assert office.stranger.post("owner/look", {"token": "x.y"}).status == 404
    assert office.since(place) == []  # looking changes nothing
    started = office.stranger.post("owner/start", {"token": token, "method": "console"}).json
    assert office.stranger.post("authorizations/land", {"redirected": browse(office.tenant, started["url"], follow=False)}).status == 200
    assert [(line["action"], line["kind"], line["key"], line["who"]) for line in office.since(place)] == [
        ("authorize", "mailbox", SHOP, NOBODY), ("authorized", "mailbox", SHOP, NOBODY)]
    assert token not in office.read_all()


def test_a_device_is_told_once_however_many_wait(office):
    office.sandbox.set("auto-device", "approve")
    r = office.tenant.registration_of("device")
    office.local.put("registrations/public", {"name": "public", "provider": "sandbox", "tenant": r["tenant"], "client_id": r["client_id"], "credential": "none"})
    office.local.put("mailboxes/bob@contoso.example", {"address": "bob@contoso.example", "registration": "public", "grant": "device"})
    office.sandbox.set("auto-user", "bob@contoso.example")
    started = office.anna.post("mailboxes/bob@contoso.example/authorize", {"method": "device"}).json
    place = office.newest
    waiting = [w.connection() for w in (office.anna, office.local)]
    for c, who in zip(waiting, (office.anna, office.local)):
        c.request("GET", f"/api/v1/authorizations/{started['id']}/wait", headers=who.headers("GET"))
    office.tenant.world.clock.advance(6)
    answers = [c.getresponse() for c in waiting]
    assert [a.status for a in answers] == [200, 200], [a.read() for a in answers]
    [c.close() for c in waiting]
    assert office.anna.get(f"authorizations/{started['id']}/wait").status == 200
    line, = office.since(place)
    assert (line["action"], line["kind"], line["key"]) == ("authorized", "mailbox", "bob@contoso.example") and line["who"]["name"]
    office.sandbox.set("auto-user", SHOP)


# -- for long --


def test_a_flood_of_refusals_is_cut_and_counted(office):
    place = office.newest
    for i in range(150):
        assert office.gateway.console(bearer=f"postern.robot.{i:043}").get("status").status == 401
    refused = [line for line in office.since(place) if line["action"] == "refused"]
    assert 30 <= len(refused) <= 61, len(refused)
    office.tenant.world.clock.advance(61)
    assert office.local.get("status").status == 200  # the role has seen it
    assert office.gateway.console(bearer="postern.robot." + "B" * 43).get("status").status == 401
    assert office.since(place)[-1]["changes"] == {"left_out": 150 - len(refused)}
    assert len(office.gateway.events("api.refused")) >= 150  # each stands in the log


def test_it_is_forgotten_after_console_audit_history(world):
    g = harness.Gateway(world, "console: { audit-history: 10d }")
    g.prepare("key", "add", "old", "--scope", "read")
    world.clock.advance(9 * 86400)
    g.prepare("key", "add", "new", "--scope", "read")
    assert {line["key"] for line in g.json("audit")["items"]} == {"old", "new"}
    world.clock.advance(2 * 86400)
    until(lambda: {line["key"] for line in json.loads(g.prepare("audit", "--json"))["items"]} == {"new"}, "the old lines go")
    g.stop()
    with sqlite3.connect(g.state / "postern.db") as db:
        assert db.execute("SELECT count(*) FROM audit WHERE key = 'old'").fetchone() == (0,)


def test_nothing_of_a_secret_stands_in_the_file(office):
    """The last one: what all the others left behind."""
    secrets = [s for s in office.secrets if len(s) > 8]
    rekey = base64.b64encode(os.urandom(32)).decode()
    place = office.newest
    path = office.tenant.world.file("new.key", rekey + "\n")
    path.chmod(0o600)
    office.gateway.cli("vault", "rekey", "--key-file", path)
    assert [(line["action"], line["kind"], line["key"]) for line in office.since(place)] == [("rekey", "vault", "")]
    office.gateway.stop()
    held = (office.gateway.state / "postern.db").read_bytes() + (office.gateway.state / "events.jsonl").read_bytes()
    for suffix in ("-wal", "-shm"):
        extra = office.gateway.state / f"postern.db{suffix}"
        held += extra.read_bytes() if extra.exists() else b""
    for secret in [*secrets, rekey]:
        assert secret.encode() not in held, secret
