"""The API's document: it is OpenAPI, it describes all that there is, what it says of answers is true, and what it says of requests is
asked of everybody."""
import base64
import contextlib
import http.client
import http.server
import json
import os
import random
import re
import urllib.parse

import jsonschema
import pytest

import bad_requests
import contract
import harness
from harness import Answer, Console, Gateway, Tenant, letter, until
from test_oauth import browse

SHOP, BOB = Tenant.MAILBOX, "bob@contoso.example"
PASSWORD = "correct horse battery"
PDF = os.urandom(2000)
WITH_FILE = (b"From: carol@customer.example\r\nTo: shop@contoso.example\r\nSubject: With a file\r\nMessage-ID: <file@customer.example>\r\n"
             b"Date: Sat, 21 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText\r\n"
             b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n"
             b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(PDF).replace(b"\n", b"\r\n") + b"--b--\r\n")


class Receiver(http.server.BaseHTTPRequestHandler):
    """A program that gets mail by webhook."""

    def do_POST(self):
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


class Place:
    """A gateway, a sandbox that presses the buttons of sign-ins, an administrator at the console, and a program that gets webhooks."""

    def __init__(self, world):
        self.tenant = Tenant(world, extra="console: { entra-registration: people }")
        self.gateway, self.sandbox = self.tenant.gateway, self.tenant.sandbox
        self.sandbox.set("auto-consent", "on")
        self.tenant.add_registration("code", "people")
        self.gateway.prepare("mailbox", "add", BOB, "--registration", "people", "--grant", "code")
        text, port = self.gateway.config.read_text(), self.gateway.console().port
        self.gateway.config.write_text(text.replace("console: {", f'console: {{ public-url: "http://localhost:{port}",', 1))
        self.gateway.prepare("reload")
        self.receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.receiver.got = []
        harness.serve(self.receiver)
        self.local, self.stranger = self.gateway.local(), self.gateway.console()
        self.document = contract.Document(self.stranger.get("openapi.json").json)
        self.reached = {}  # statuses, by operation
        self.whole = {}  # objects as they can be put, by path
        self.anna = Steady(self.gateway.console())

    def close(self):
        self.receiver.shutdown()
        self.receiver.server_close()

    def ask(self, who, method, path, body=None, **kw):
        """One request, whose answer is held against the document."""
        answer = who(method, path, body, **kw)
        whole = path if path.startswith("/") else "/api/v1/" + path
        operation = self.document.find(method, whole)
        assert operation, f"{method} {path} is not described"
        self.document.check(operation, answer)
        self.reached.setdefault(operation.name, set()).add(answer.status)
        return answer

    def good(self, who, method, path, body=None, **kw):
        answer = self.ask(who, method, path, body, **kw)
        assert answer.status < 400, (method, path, answer)
        return answer


class Steady(Console):
    """Somebody who keeps the connection open: thousands of requests go by in seconds."""

    def __init__(self, console):
        super().__init__(console.host, console.port)
        self.line = None

    def ask(self, line, *request):
        with contextlib.suppress(BrokenPipeError):  # refused before the body's end; the answer is there
            line.request(*request)
        return Answer(line.getresponse(), request[0])

    def __call__(self, method, path, body=None, headers=None):
        """A connection that was used before may have ended meanwhile; a new one has to give an answer."""
        request = (method, *self.prepared(method, path, body, headers))
        line, self.line = self.line, None
        try:
            answer = self.ask(line, *request) if line else None
        except (OSError, http.client.HTTPException):
            line.close()
            answer = None
        if answer is None:
            line = self.connection()
            answer = self.ask(line, *request)
        self.line = line
        self.keep_cookie(answer)
        return answer


@pytest.fixture(scope="module")
def place():
    world = harness.World()
    p = None
    try:
        p = Place(world)
        sign_in_everybody(p)
        yield p
    finally:
        if p:
            p.close()
        world.close()


def sign_in_everybody(p):
    """The way in of the first administrator."""
    token = p.good(p.local, "POST", "setup/link").json["url"].split("#")[1]
    made = p.good(p.anna, "POST", "setup", {"token": token, "name": "anna", "password": PASSWORD})
    p.anna.csrf = made.json["csrf"]


# -- the document itself --

def test_it_is_an_openapi_document(place):
    d = place.document
    assert d.root["openapi"].startswith("3.1.") and d.root["info"]["title"] and d.root["info"]["version"]
    for reference in contract.references(d.root):
        assert d.resolve({"$ref": reference}) is not None, reference
    names = [o.name for o in d.operations]
    assert len(names) == len(set(names)) and all(re.fullmatch("[a-z][a-z0-9-]*", n) for n in names)
    for name, schema in d.root["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        for example in schema.get("examples", []) if isinstance(schema, dict) else []:
            assert not d.faults(schema, example), name
    schemes, tags = d.root["components"]["securitySchemes"], {t["name"] for t in d.root["tags"]}
    for o in d.operations:
        assert o.described["summary"] and set(o.described["tags"]) <= tags, o
        assert {n for way in o.described["security"] for n in way} <= set(schemes)
        assert set(re.findall(r"\{([a-z_]+)\}", o.path)) == {p["name"] for p in o.parameters_in("path")}, o
        assert all(p["required"] for p in o.parameters_in("path"))
        assert len({(p["in"], p["name"]) for p in o.parameters}) == len(o.parameters), o
        for p in o.parameters:
            jsonschema.Draft202012Validator.check_schema(p["schema"])
        for status, response in o.described["responses"].items():
            assert re.fullmatch("[1-5][0-9][0-9]", status) and d.resolve(response)["description"], (o, status)
        body = d.resolve(o.described.get("requestBody", {})).get("content", {})
        for content in body.values():
            examples = [content["example"]] if "example" in content else [e["value"] for e in content.get("examples", {}).values()]
            for example in examples:
                assert not d.faults(content["schema"], example), o
    assert_whole(d.root)


def assert_whole(node, at=""):
    """Nothing was lost to the punctuation of the file that it is written in."""
    if isinstance(node, dict):
        for name, value in node.items():
            assert value is not None, f"{at}/{name}"
            assert not (name == "description" and not isinstance(value, (str, dict))), f"{at}/{name}"
            assert_whole(value, f"{at}/{name}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            assert value is not None or at.endswith("/enum"), f"{at}/{i}"
            assert_whole(value, f"{at}/{i}")


def test_anybody_may_read_it_and_keep_it(place):
    first = place.stranger.get("openapi.json")
    assert first.status == 200 and first.headers["Content-Type"] == "application/json"
    again = place.stranger.get("openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304 and not again.body
    assert place.stranger.get("openapi.json", headers={"If-None-Match": '"other"'}).body == first.body
    assert SHOP not in first.text and "anna" not in first.text


def test_what_is_not_described_is_not_there(place):
    """The routes that there are answer 405, with what they take, to what they do not take; the unit tests hold the table against it."""
    taken = {}
    for o in place.document.operations:
        taken.setdefault(o.path, set()).add(o.method)
    for path, methods in taken.items():
        if not path.startswith("/api/"):
            continue
        asked = re.sub(r"\{[a-z_]+\}", "x", path)
        answer = place.anna("FROBNICATE", asked)
        assert answer.status == 405 and answer.finding == "api.method", (path, answer)
        allowed = set(answer.headers["Allow"].split(", ")) - {"HEAD"}
        # What has a name of its own may stand where another has a parameter.
        assert methods <= allowed, (path, allowed)
        for method in {"GET", "PUT", "POST", "PATCH", "DELETE"} - allowed:
            assert place.anna(method, asked).status == 405, (method, path)
    assert place.anna.get("nothing").status == 404


# -- what it says of answers --

def test_every_operation_answers_as_described(place):
    p = place
    who_asks(p)
    the_daemon(p)
    objects(p)
    secrets(p)
    signing_in(p)
    mail_out(p)
    mail_in(p)
    people(p)
    missed = [o for o in p.document.operations if not any(s < 400 for s in p.reached.get(o.name, ()))]
    assert not missed, f"nobody tried {missed}"


def who_asks(p):
    assert p.good(p.stranger, "GET", "session").json["signed_in"] is False
    bert = p.gateway.console()
    p.good(p.anna, "PUT", "operators/bert", {"name": "bert", "role": "administrator"})
    p.good(p.anna, "PUT", "operators/bert/password", {"password": PASSWORD + " of bert"})
    bert.csrf = p.good(bert, "POST", "session", {"name": "bert", "password": PASSWORD + " of bert"}).json["csrf"]
    p.good(bert, "GET", "session")
    p.good(bert, "PUT", "operators/bert/password", {"password": PASSWORD + " again", "current": PASSWORD + " of bert"})
    p.good(bert, "DELETE", "session")
    assert p.ask(p.stranger, "POST", "session", {"name": "bert", "password": "wrong"}).status == 401
    assert p.ask(p.stranger, "GET", "status").status == 401
    p.good(p.anna, "PUT", "keys/reader", {"name": "reader", "scopes": ["read"]})
    key = p.good(p.anna, "POST", "keys/reader/secret").json["key"]
    reader = p.gateway.console(bearer=key)
    p.good(reader, "GET", "session")
    assert p.ask(reader, "POST", "reload").status == 403
    erp = p.gateway.console(basic=("erp", p.tenant.password))
    p.good(erp, "GET", "messages")
    assert p.ask(erp, "GET", "status").status == 403
    assert p.ask(p.stranger, "GET", "status", headers={"Host": "evil.example"}).status == 421


def first_lines(p, path, count):
    """Of an answer that has no end."""
    line = p.anna.connection()
    line.request("GET", "/api/v1/" + path, headers=p.anna.headers("GET"))
    response = line.getresponse()
    text = b"".join(response.readline() for _ in range(count))
    line.close()
    operation = p.document.find("GET", "/api/v1/" + path)
    kind = response.headers["Content-Type"]
    described = operation.response(response.status)["content"][kind]
    for one in contract.lines_of(kind, text.decode()):
        assert not p.document.faults(described["x-postern-line"], one)
    p.reached.setdefault(operation.name, set()).add(response.status)
    return text


def the_daemon(p):
    for path in ("openapi.json", "status", "overview", "roles", "log", "fields", "config", "listeners", "findings", "findings/api.field",
                 f"findings/smtp.auth.disabled-tenant?mailbox={SHOP}&seen=535", "queue/stats", "/health/live", "/health/ready", "/metrics"):
        p.good(p.anna, "GET", path)
        assert not p.good(p.anna, "HEAD", path).body
    p.good(p.stranger, "GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
    p.good(p.anna, "GET", f"log?level=info&mailbox={SHOP}&follow=0")
    p.good(p.anna, "POST", "reload")
    assert first_lines(p, "events", 2) == b"retry: 3000\n\n"
    assert b"data: " in first_lines(p, "events?last_event_id=0-0", 8)
    p.good(p.anna, "POST", "vault/rekey", {"key": base64.b64encode(os.urandom(32)).decode()})


SMALL = {
    "providers": ("name", {"issuer": "https://login.example.org/{tenant}", "smtp": {"host": "smtp.example.org"}}, {"title": "Trial"}),
    "registrations": ("name", {"provider": "sandbox", "client_id": "4711", "tenant": "contoso.example"}, {"secret_expires": "2027-05-01"}),
    "mailboxes": ("address", {"registration": "people", "grant": "device"}, {"limits": {"connections": 3}}),
    "apps": ("name", {"mailboxes": [SHOP]}, {"allow": ["smtp", "http"]}),
    "endpoints": ("name", {"mailbox": BOB}, {"is_paused": True}),
    "operators": ("name", {}, {"is_disabled": True}),
    "keys": ("name", {"scopes": ["send"]}, {"expires": "2027-01-31"}),
}


def objects(p):
    for kinds, (key, rest, change) in SMALL.items():
        name = "trial@contoso.example" if key == "address" else "trial"
        at = f"{kinds}/{name}"
        made = p.good(p.anna, "PUT", at, {key: name, **rest}, headers={"If-None-Match": "*"})
        assert made.status == 201 and made.headers["ETag"]
        assert p.ask(p.anna, "PUT", at, {key: name, **rest}, headers={"If-None-Match": "*"}).status == 409
        assert p.good(p.anna, "PUT", at, rest).status == 200, "the path has the name"
        changed = p.good(p.anna, "PATCH", at, change)
        assert changed.headers["ETag"] != made.headers["ETag"], kinds
        stale = p.ask(p.anna, "PATCH", at, change, headers={"If-Match": made.headers["ETag"]})
        assert stale.status == 412 and p.document.fits({"$ref": f"#/components/schemas/{schema_of(kinds)}"}, stale.json["current"])
        seen = p.good(p.anna, "GET", at)
        assert seen.headers["ETag"] == changed.headers["ETag"] and "etag" not in seen.json, kinds
        if kinds not in ("mailboxes", "endpoints", "operators"):  # these are shown with more than is stored
            assert p.ask(p.anna, "GET", at, headers={"If-None-Match": changed.headers["ETag"]}).status == 304
        page = p.good(p.anna, "GET", f"{kinds}?limit=1").json
        p.good(p.anna, "GET", f"{kinds}?cursor={urllib.parse.quote(page['next'] or '')}")
        assert p.good(p.anna, "DELETE", at).status == 204
        assert p.ask(p.anna, "GET", at).status == p.ask(p.anna, "PATCH", at, change).status == p.ask(p.anna, "DELETE", at).status == 404
    assert p.ask(p.anna, "DELETE", f"mailboxes/{SHOP}").status == 409
    whole = p.good(p.anna, "GET", "export", headers={"Accept": "application/json"}).json
    yaml = p.good(p.anna, "GET", "export")
    shown = p.good(p.anna, "POST", "apply", whole)
    assert shown.json["changes"] == []
    assert p.ask(p.anna, "POST", "apply", whole, headers={"If-Match": '"0"'}).status == 412
    p.good(p.anna, "POST", "apply", whole, headers={"If-Match": shown.headers["ETag"]})
    assert p.good(p.anna, "POST", "apply?dry_run=true&prune=1", yaml.body, headers={"Content-Type": "application/yaml"}).json["changes"] == []
    more = {"apps": [*whole["apps"], {"name": "second", "mailboxes": [SHOP]}]}
    assert p.good(p.anna, "POST", "apply?dry_run=true", more).json["changes"]
    assert p.ask(p.anna, "GET", "apps/second").status == 404, "it was a trial"
    assert p.good(p.anna, "POST", "apply", more).json["secrets_needed"]
    assert p.good(p.anna, "POST", "apply?prune=true", whole).json["changes"][0]["action"] == "remove"
    assert p.ask(p.anna, "POST", "apply", {"apps": [{"name": "x"}]}).status == 422


def schema_of(kinds):
    return {"mailboxes": "Mailbox"}.get(kinds, kinds[:-1].capitalize())


def secrets(p):
    p.good(p.anna, "PUT", "registrations/trial", {"name": "trial", "provider": "sandbox", "client_id": "4711", "tenant": "contoso.example"})
    p.good(p.anna, "PUT", "registrations/trial/secret", {"secret": "s3cret"})
    made = p.good(p.anna, "POST", "registrations/trial/certificate")
    assert made.json["credential"] == "certificate" and made.headers["ETag"] == p.good(p.anna, "GET", "registrations/trial").headers["ETag"]
    assert p.ask(p.anna, "POST", "registrations/trial/certificate", {"pem": "nonsense"}).status == 422
    p.good(p.anna, "PUT", "mailboxes/basic@contoso.example", {"address": "basic@contoso.example", "provider": "sandbox", "grant": "basic"})
    p.good(p.anna, "PUT", "mailboxes/basic@contoso.example/password", {"password": "hunter2hunter2"})
    p.good(p.anna, "GET", "mailboxes/basic@contoso.example/grant")
    p.good(p.anna, "DELETE", "mailboxes/basic@contoso.example")
    p.good(p.anna, "DELETE", "registrations/trial")
    p.good(p.anna, "PUT", "apps/trial", {"name": "trial", "mailboxes": [SHOP]})
    p.good(p.anna, "POST", "apps/trial/password")
    p.good(p.anna, "DELETE", "apps/trial")
    for method, path, body in (("POST", "apps/ghost/password", None), ("PUT", "registrations/ghost/secret", {"secret": "x"}),
                               ("POST", "registrations/ghost/certificate", None), ("PUT", "mailboxes/ghost@x.example/password", {"password": "x"}),
                               ("POST", "keys/ghost/secret", None), ("POST", "endpoints/ghost/key", None),
                               ("PUT", "operators/ghost/password", {"password": PASSWORD}),
                               ("POST", "mailboxes/ghost@x.example/test", None), ("POST", "endpoints/ghost/test", None),
                               ("POST", "mailboxes/ghost@x.example/authorize", {}), ("POST", "mailboxes/ghost@x.example/owner-link", None),
                               ("GET", "mailboxes/ghost@x.example/grant", None), ("GET", "mailboxes/ghost@x.example/inbox", None)):
        assert p.ask(p.anna, method, path, body).status == 404, (method, path)


def owner_token(p):
    return p.good(p.anna, "POST", f"mailboxes/{BOB}/owner-link").json["url"].rsplit("/", 1)[1]


def signing_in(p):
    def land(url):
        return browse(p.tenant, url, follow=False)

    started = p.good(p.anna, "POST", f"mailboxes/{BOB}/authorize", {"method": "paste"}).json
    p.good(p.anna, "POST", f"authorizations/{started['id']}/finish", {"redirected": land(started["url"])})
    p.good(p.anna, "GET", f"authorizations/{started['id']}/wait")
    started = p.good(p.anna, "POST", f"mailboxes/{BOB}/authorize", {"method": "console"}).json
    p.good(p.stranger, "POST", "authorizations/land", {"redirected": land(started["url"])})
    p.good(p.anna, "POST", f"mailboxes/{BOB}/authorize", {"method": "device"})
    token = owner_token(p)
    p.good(p.stranger, "POST", "owner/look", {"token": token})
    started = p.good(p.stranger, "POST", "owner/start", {"token": token}).json
    p.good(p.stranger, "POST", "authorizations/land", {"redirected": land(started["url"])})
    assert p.ask(p.stranger, "POST", "owner/wait", {"token": token, "id": started["id"]}).status == 404, "the link has ended with it"
    p.good(p.stranger, "POST", "owner/wait", {"token": owner_token(p), "id": started["id"]})
    for protocol in ("smtp", "imap", "pop3"):
        tried = p.good(p.anna, "POST", f"mailboxes/{SHOP}/test", {"protocol": protocol, "send": False})
        assert json.loads(tried.text.splitlines()[-1])["ok"], tried.text
    p.good(p.anna, "POST", f"mailboxes/{SHOP}/test")
    p.good(p.anna, "GET", f"mailboxes/{SHOP}/grant")
    # At the console by Entra.
    p.good(p.anna, "PUT", "operators/carol", {"name": "carol", "entra_user": SHOP})
    p.sandbox.set("auto-user", SHOP)
    browser = p.gateway.console()
    sent = p.good(browser, "GET", "/signin/entra?back=/messages")
    back = urllib.parse.urlsplit(land(sent.headers["Location"]))
    p.good(browser, "GET", f"{back.path}?{back.query}")
    assert p.ask(p.gateway.console(), "GET", "/signin/entra/callback?code=x&state=y").status == 400


def form(fields):
    parts = "".join(f'--b0undary\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items())
    return (parts + "--b0undary--\r\n").encode(), {"Content-Type": "multipart/form-data; boundary=b0undary"}


def mail_out(p):
    p.good(p.anna, "POST", f"mailboxes/{SHOP}/pause")
    message = {"from": SHOP, "to": ["alice@contoso.example"], "subject": "Hello", "text": "Good morning\n"}
    first = p.good(p.anna, "POST", "messages", message, headers={"Idempotency-Key": "a"})
    again = p.good(p.anna, "POST", "messages", message, headers={"Idempotency-Key": "a"})
    assert again.json == first.json and again.headers["Idempotent-Replayed"] == "true"
    assert p.ask(p.anna, "POST", "messages", {**message, "text": "other"}, headers={"Idempotency-Key": "a"}).status == 422
    body, headers = form({"from": SHOP, "to": "alice@contoso.example", "subject": "form", "text": "x"})
    second = p.good(p.anna, "POST", "messages", body, headers=headers).json["id"]
    third = p.good(p.anna, "POST", "messages", letter("whole"), headers={"Content-Type": "message/rfc822", "X-Postern-Sender": SHOP,
                                                                       "X-Postern-Recipient": "alice@contoso.example"}).json["id"]
    ids = [first.json["id"], second, third]
    assert p.good(p.anna, "GET", "messages?state=open&limit=2").json["next"]
    p.good(p.anna, "GET", f"messages?mailbox={SHOP}&q=alice&since=2026-01-01T00:00:00Z")
    p.good(p.anna, "GET", f"messages/{ids[0]}")
    p.good(p.anna, "GET", f"messages/{ids[0]}/content")
    for verb in ("hold", "release", "retry"):
        p.good(p.anna, "POST", f"messages/{verb}", {"ids": ids + ["no-id"]})
    assert p.good(p.anna, "POST", "messages/remove", {"ids": [third]}).json["done"] == [third]
    p.good(p.anna, "POST", f"mailboxes/{SHOP}/resume")
    until(lambda: p.good(p.anna, "GET", f"messages/{second}").json["state"] == "delivered", "the form's message is delivered")
    assert p.ask(p.anna, "GET", f"messages/{second}/content").status == 404
    p.good(p.anna, "GET", "queue/stats")
    p.good(p.anna, "GET", "overview")


def mail_in(p):
    url = f"http://127.0.0.1:{p.receiver.server_port}/hook"
    p.good(p.anna, "PUT", "endpoints/kept", {"name": "kept", "mailbox": SHOP, "kind": "keep", "include_old": True})
    p.good(p.anna, "PUT", "endpoints/hook", {"name": "hook", "mailbox": SHOP, "kind": "webhook", "webhook": {"url": url}, "include_old": True})
    p.good(p.anna, "POST", "endpoints/hook/key")
    p.good(p.anna, "POST", "endpoints/hook/test")
    p.good(p.anna, "POST", "endpoints/hook/pause")
    p.good(p.anna, "POST", "endpoints/hook/resume")
    p.sandbox.put(WITH_FILE, SHOP)
    box = f"mailboxes/{SHOP}/inbox"
    item = until(lambda: next(iter(i for i in p.good(p.anna, "GET", box).json["items"] if i["subject"] == "With a file"), None), "mail is kept")
    p.good(p.anna, "GET", f"{box}/{item['id']}", headers={"Accept": "message/rfc822"})
    read = p.good(p.anna, "GET", f"{box}/{item['id']}").json
    assert p.good(p.anna, "GET", f"{box}/{item['id']}/attachments/{read['attachments'][0]['number']}").body == PDF
    assert p.ask(p.anna, "GET", f"{box}/{item['id']}/attachments/7").status == 404
    p.good(p.anna, "GET", f"inbound/{item['id']}")
    p.good(p.anna, "GET", f"inbound/{item['id']}/content")
    p.good(p.anna, "GET", f"inbound?endpoint=kept&mailbox={SHOP}&limit=1")
    until(lambda: any(g["subject"] == "With a file" for g in p.receiver.got), "the webhook was called")
    link = next(g["raw"]["url"] for g in p.receiver.got if g["subject"] == "With a file")
    p.good(p.stranger, "GET", link[link.index("/raw/"):])
    assert p.ask(p.stranger, "GET", f"/raw/{item['id']}?ends=1&signature=x").status == 404
    p.good(p.anna, "POST", "inbound/retry", {"ids": [item["id"]]})
    p.good(p.anna, "POST", "inbound/remove", {"ids": [item["id"]]})
    p.good(p.anna, "GET", "endpoints/kept")
    p.good(p.anna, "GET", "status")
    for name in ("kept", "hook"):
        p.good(p.anna, "DELETE", f"endpoints/{name}")


def people(p):
    for name in ("bert", "carol"):
        p.good(p.anna, "DELETE", f"operators/{name}")
    p.good(p.anna, "DELETE", "keys/reader")
    page = p.good(p.anna, "GET", "audit?limit=2&kind=operator").json
    p.good(p.anna, "GET", f"audit?cursor={page['next']}&who=anna&since=2026-01-01T00:00:00Z")


# -- what it says of requests --

STREAMS = {"follow-events", "get-log"}  # a good one has no end, or is long
# Not with the good names of things: they would do what they are there for.
DOES = {"sign-out"}


def state_of(p):
    whole = p.anna.get("export", headers={"Accept": "application/json"}).json
    for r in whole["registrations"]:
        if r["name"] == "trial":  # what may have got a certificate is not what may have been changed
            r.clear()
    people = {k: [i["name"] for i in p.anna.get(k).json["items"]] for k in ("operators", "keys")}
    roles = sorted((r["role"], r["index"], r["pid"], r["restarts"]) for r in p.anna.get("roles").json["roles"])
    return whole, people, roles


def name_for(path, parameter):
    """One that is there."""
    if parameter == "address":
        return SHOP
    kinds = (path.split("/") + [""])[3]
    return {"providers": "sandbox", "registrations": "trial", "apps": "erp", "operators": "anna", "keys": "trial", "endpoints": "trial",
            "findings": "api.field"}.get(kinds, "0000000000000001")


def path_of(operation, **values):
    return re.sub(r"\{([a-z_]+)\}", lambda m: values.get(m[1]) or urllib.parse.quote(name_for(operation.path, m[1]), safe=""), operation.path)


@pytest.fixture
def trials(place):
    """Things that may be asked about, and what there was before."""
    place.anna.put("keys/trial", {"name": "trial", "scopes": ["read"]})
    place.anna.put("registrations/trial", {"name": "trial", "provider": "sandbox", "client_id": "4711", "tenant": "contoso.example"})
    place.anna.put("endpoints/trial", {"name": "trial", "mailbox": SHOP, "is_paused": True})
    before = state_of(place)
    yield place
    assert state_of(place) == before, "a refused request changed something"
    for at in ("keys/trial", "endpoints/trial", "registrations/trial"):
        assert place.anna.delete(at).status == 204


def refused(p, operation, path, what, name=None, must=True, **kw):
    """A bad request: never 5xx, a described answer, and if it must be refused a 4xx that says the name."""
    answer = p.anna(operation.method, path, **kw)
    where = f"{operation} with {what}"
    assert answer.status < 500, f"{where}: {answer}"
    p.document.check(operation, answer)
    if must:
        assert 400 <= answer.status, f"{where} was taken: {answer}"
    if must and name:
        said = json.dumps([answer.json.get(k) for k in ("detail", "pointer", "part")], ensure_ascii=False)
        assert name in said, f"{where}: {name} is not named in {answer}"
    return answer


def test_bad_addresses_are_refused_by_name(trials):
    p = trials
    for o in p.document.operations:
        if not o.path.startswith("/api/"):
            continue
        good = path_of(o)
        for query, name in bad_requests.bad_queries(o, p.document):
            answer = refused(p, o, f"{good}?{query}", query, name)
            assert answer.status == 400, (o, query, answer)
        for parameter in o.parameters_in("path"):
            here = urllib.parse.quote(name_for(o.path, parameter["name"]))
            for name in [*bad_requests.UNKNOWN, here + "%00", here + "%00x"]:
                path = path_of(o, **{parameter["name"]: name})
                answer = p.anna(o.method, path, {} if o.contents() else None)
                described = p.document.find(o.method, urllib.parse.unquote(path, errors="replace"))
                if o.name == "put-operator" and answer.status == 201:  # the name is a good one, and nothing else is needed
                    assert p.anna("DELETE", path).status == 204
                    continue
                assert 400 <= answer.status < 500, (o, path, answer)
                if described and answer.status != 405:
                    p.document.check(described, answer)
                assert "X-Bad" not in answer.headers


def test_bad_bodies_are_refused_by_name(trials):
    p = trials
    maker = bad_requests.Maker(p.document, random.Random(20261129))
    for o in p.document.operations:
        contents, path = o.contents(), path_of(o)
        if o.name in DOES or o.method in ("GET", "DELETE") or not o.path.startswith("/api/"):
            continue
        if "application/json" not in contents:
            answer = refused(p, o, path, "a body where none is wanted", "frobnicate", body={"frobnicate": 1})
            assert answer.status == 422, answer
            continue
        schema = contents["application/json"]
        is_object = schema.get("$ref", "").endswith(("Input", "Changes")) and o.path.count("/") == 4
        good = good_body(p, maker, o, schema)
        for what, body, name, must in bad_requests.bad_bodies(maker, schema, good, is_object):
            answer = refused(p, o, path, what, name, must, body=body)
            if is_object and answer.status < 400:
                restore(p, path, good)
        for what, octets in bad_requests.broken_octets(good):
            refused(p, o, path, what, body=octets, headers={"Content-Type": "application/json"})
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx"):
            answer = refused(p, o, path, kind, body=json.dumps(good or {"x": 1}).encode(), headers={"Content-Type": kind})
            assert answer.status == 415, (o, kind, answer)
        refused(p, o, path, "nothing of what it needs", must=o.name.startswith("put-") or bool(p.document.resolve(schema).get("required")), body=b"")


def restore(p, path, good):
    """What was taken has changed something, as it may."""
    assert p.anna("PUT", path, good or p.whole[path]).status == 200, path


def good_body(p, maker, o, schema):
    """As small as may be, and about something that is there; nothing in it does harm."""
    if o.name == "send-message":
        return {"from": SHOP, "to": "alice@contoso.example", "headers": {"X-A": "b"}, "calendar": {"content": "x"},
                "attachments": [{"content": ""}]}
    if o.name.startswith(("put-", "change-")):
        shown = p.anna.get(path_of(o)[len("/api/v1/"):]).json
        resolved = p.document.resolve(schema)
        p.whole[path_of(o)] = {k: v for k, v in shown.items() if k in resolved["properties"]}
        return p.whole[path_of(o)] if o.method == "PUT" else {}
    body = maker.smallest(schema)
    return {"send": False, "protocol": "pop3"} if o.name == "test-mailbox" else body


RAW = {"Content-Type": "message/rfc822", "X-Postern-Sender": SHOP, "X-Postern-Recipient": "alice@contoso.example"}


@pytest.mark.parametrize("change, part", [
    ({"X-Postern-Sender": None}, "X-Postern-Sender"), ({"X-Postern-Sender": "nobody at all"}, "X-Postern-Sender"),
    ({"X-Postern-Recipient": None}, "X-Postern-Recipient"), ({"X-Postern-Recipient": "a@b.example, c@d.example"}, "X-Postern-Recipient"),
    ({"X-Postern-Recipient": b"\xff@b.example"}, "X-Postern-Recipient"), ({"X-Postern-Notify": "SOMETIMES"}, "X-Postern-Notify"),
    ({"X-Postern-Ret": "HALF"}, "X-Postern-Ret"), ({"X-Postern-Envid": "x" * 101}, "X-Postern-Envid"),
    ({"X-Postern-Mailbox": "ghost@contoso.example"}, "X-Postern-Mailbox"), ({"Idempotency-Key": "a b"}, None), ({"Idempotency-Key": "x" * 256}, None),
    ({"Content-Type": "multipart/form-data; boundary=b0undary"}, None)])
def test_a_bad_envelope_is_refused_by_its_field(trials, change, part):
    headers = {k: v for k, v in {**RAW, **change}.items() if v is not None}
    if "multipart" in headers["Content-Type"]:
        del headers["X-Postern-Sender"]
    answer = trials.ask(trials.anna, "POST", "messages", letter(), headers=headers)
    assert 400 <= answer.status < 500 and answer.json.get("part") == part, answer


def test_stale_marks_are_refused(trials):
    p = trials
    for o in p.document.operations:
        if "{" not in o.path or not any(h["name"] == "If-Match" for h in o.parameters_in("header")):
            continue
        schema = o.contents().get("application/json")
        body = good_body(p, bad_requests.Maker(p.document, random.Random(1)), o, schema) if schema else None
        for mark in ('"0000000000000000"', "W/\"1\"", "nonsense", '"', '""', "\"a\", \"b\"", "\u00fc".encode().decode("latin-1")):
            answer = refused(p, o, path_of(o), mark, body=body, headers={"If-Match": mark})
            assert answer.status == 412 and answer.json["current"], (o, mark, answer)


def test_any_good_object_is_taken_or_refused_in_words(trials):
    """What the schema allows is stored as it was given, or the other objects, or each other's fields, speak against it."""
    p = trials
    maker = bad_requests.Maker(p.document, random.Random(20261130))
    taken = 0
    for kinds, (key, rest, _) in SMALL.items():
        schema = {"$ref": f"#/components/schemas/{schema_of(kinds)}Input"}
        for number in range(12):
            name = f"fuzz{number}@contoso.example" if key == "address" else f"fuzz{number}"
            body = {**maker.any(schema), key: name, **(rest if number % 2 else {})}
            assert not p.document.faults(schema, body), body
            answer = p.ask(p.anna, "PUT", f"{kinds}/{name}", body)
            assert answer.status in (201, 409, 422), (body, answer)
            if answer.status == 201:
                taken += 1
                assert p.good(p.anna, "GET", f"{kinds}/{name}").headers["ETag"] == answer.headers["ETag"]
                changed = p.ask(p.anna, "PATCH", f"{kinds}/{name}", maker.any({"$ref": f"#/components/schemas/{schema_of(kinds)}Changes"}))
                assert changed.status in (200, 409, 422), changed
                p.good(p.anna, "DELETE", f"{kinds}/{name}")
    assert taken > 20


def test_any_good_search_finds_something_or_nothing(trials):
    p = trials
    maker = bad_requests.Maker(p.document, random.Random(20261201))
    for o in p.document.operations:
        query = o.parameters_in("query")
        if o.method != "GET" or not query or o.name in STREAMS or not o.path.startswith("/api/"):
            continue
        for _ in range(6):
            chosen = {q["name"]: maker.any(q["schema"]) for q in query if maker.chance.random() < 0.6}
            answer = p.ask(p.anna, "GET", f"{path_of(o)}?{urllib.parse.urlencode(chosen)}")
            assert answer.status in (200, 404), (o, chosen, answer)


def test_any_good_message_is_taken_or_refused_in_words(trials):
    p = trials
    maker = bad_requests.Maker(p.document, random.Random(20261202))
    p.good(p.anna, "POST", f"mailboxes/{SHOP}/pause")
    ids = []
    for number in range(25):
        body = {**maker.any({"$ref": "#/components/schemas/MessageInput"}), "from": SHOP}
        if number % 2:
            body.update(to=["alice@contoso.example"], cc=None, bcc=None, reply_to=None, notify=None, headers=None, mailbox=None, envid=None)
            for a in body.get("attachments") or []:
                a.update(content=base64.b64encode(a["content"].encode()).decode(), type=None, content_id=None)
        answer = p.ask(p.anna, "POST", "messages", body)
        assert answer.status in (202, 422), (body, answer)
        if answer.status == 202:
            ids.append(answer.json["id"])
    assert len(ids) > 5
    assert sorted(p.good(p.anna, "POST", "messages/remove", {"ids": ids}).json["done"]) == sorted(ids)
    p.good(p.anna, "POST", f"mailboxes/{SHOP}/resume")
