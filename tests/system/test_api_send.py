"""Mail handed in over HTTP, as JSON, as a form and whole: what arrives is what was given, octet by octet, and what can't be taken is
refused with its place in the body, leaving nothing behind."""
import base64
import concurrent.futures
import contextlib
import email
import email.policy
import hashlib
import json
import os
import pathlib
import subprocess

import pytest

from harness import Tenant, until

FROM = Tenant.MAILBOX
TO = "alice@contoso.example"
MIB = 1024 * 1024
ICS = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Grüße\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


@pytest.fixture
def api(tenant):
    return tenant.gateway.local()


def b64(data):
    return base64.b64encode(data).decode()


def form(*parts, boundary="b0undary"):
    """(header lines, octets) each; what a program without any library would write."""
    body = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), head.encode(), data) for head, data in parts)
    return body + b"--%s--\r\n" % boundary.encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def field(name, value):
    return f'Content-Disposition: form-data; name="{name}"', value if isinstance(value, bytes) else value.encode()


def file(name, filename, data, kind="application/octet-stream"):
    return f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {kind}', data


def arrived(tenant, answer, count=1):
    """The newest message at the sandbox, parsed; with its envelope."""
    assert answer.status == 202, answer
    tenant.gateway.wait_state(answer.json["id"], "delivered")
    m = tenant.sandbox.wait_messages(count)[-1]
    raw = tenant.sandbox.raw(m)
    return m, email.message_from_bytes(raw, policy=email.policy.default), raw


def parts_by_name(message):
    return {p.get_filename(): p for p in message.walk() if p.get_filename()}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def recipients(m):
    return sorted(m["envelope"]["to"])


def curl(gateway, *args):
    done = subprocess.run(["curl", "-sS", "--unix-socket", str(gateway.state / "admin.sock"), *map(str, args),
                           "-w", "\n%{http_code}", "http://localhost/api/v1/messages"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), json.loads(body)


def test_json_with_everything(tenant, api):
    pdf, png = os.urandom(70001), os.urandom(3000)
    answer = api.post("messages", {
        "from": f"Shop Grüße <{FROM}>", "to": [f"Alice <{TO}>", "bob@contoso.example"], "cc": "carol@contoso.example",
        "bcc": ["hidden@contoso.example"], "reply_to": "answers@contoso.example", "subject": "Größe 你好 🙂",
        "text": "Grüße\nline two\r\n.\n", "html": "<p>Grüße <img src=\"cid:logo\"></p>", "headers": {"X-Order": "17", "X-Many": ["a", "ü"]},
        "attachments": [{"name": "Rechnung Mai – Größe.pdf", "type": "application/pdf", "content": b64(pdf)},
                        {"name": "logo.png", "content": b64(png), "content_id": "logo"}],
        "calendar": {"method": "REQUEST", "content": ICS}, "notify": ["FAILURE", "DELAY"], "ret": "HDRS", "envid": "order-17"})
    m, message, raw = arrived(tenant, answer)
    assert recipients(m) == sorted([TO, "bob@contoso.example", "carol@contoso.example", "hidden@contoso.example"])
    assert b"hidden@" not in raw and message["Bcc"] is None
    assert message["Subject"] == "Größe 你好 🙂" and message["Reply-To"] == "answers@contoso.example"
    assert message["From"].addresses[0].display_name == "Shop Grüße" and message["To"].addresses[1].addr_spec == "bob@contoso.example"
    assert message["X-Order"] == "17" and message.get_all("X-Many") == ["a", "ü"]
    assert raw.count(b"\n") == raw.count(b"\r\n") and raw.isascii()
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == "Grüße\nline two\n.\n"
    related = next(p for p in message.walk() if p.get_content_type() == "multipart/related")
    assert related.get_param("type") == "text/html"
    html, image = related.iter_parts()
    assert html.get_content() == '<p>Grüße <img src="cid:logo"></p>'
    assert image["Content-ID"] == "<logo>" and image.get_content_disposition() == "inline" and digest(image.get_content()) == digest(png)
    invitation = next(p for p in message.walk() if p.get_content_type() == "text/calendar")
    assert invitation.get_param("method") == "REQUEST" and invitation.get_payload(decode=True) == ICS.encode()
    alternative = next(p for p in message.walk() if p.get_content_type() == "multipart/alternative")
    assert [p.get_content_type() for p in alternative.iter_parts()] == ["text/plain", "multipart/related", "text/calendar"]
    attached = parts_by_name(message)["Rechnung Mai – Größe.pdf"]
    assert attached.get_content_type() == "application/pdf" and digest(attached.get_content()) == digest(pdf)
    shown = tenant.gateway.message(answer.json["id"])
    assert shown["subject"] == "Größe 你好 🙂" and shown["app"] == "" and shown["message_id"] == message["Message-ID"]


def test_a_form_with_one_document(tenant, world):
    """As AEM's "Send with Document" does it, by curl."""
    pdf = os.urandom(300 * 1024)
    path = world.file("in voice.pdf", pdf)
    status, answer = curl(tenant.gateway, "-F", f"from={FROM}", "-F", f"to={TO}, bob@contoso.example", "-F", "to=carol@contoso.example",
                          "-F", "subject=Ihre Größe", "-F", "text=Guten Tag\n", "-F", f"document=@{path};type=application/pdf")
    assert status == 202, answer
    tenant.gateway.wait_state(answer["id"], "delivered")
    m = tenant.sandbox.wait_messages(1)[-1]
    message = email.message_from_bytes(tenant.sandbox.raw(m), policy=email.policy.default)
    assert recipients(m) == sorted([TO, "bob@contoso.example", "carol@contoso.example"])
    assert message["Subject"] == "Ihre Größe" and message.get_body(("plain",)).get_content().rstrip() == "Guten Tag"
    document = parts_by_name(message)["in voice.pdf"]
    assert document.get_content_type() == "application/pdf" and digest(document.get_content()) == digest(pdf)


def test_a_form_with_a_map_of_attachments(tenant, api):
    """Names as keys, files with and without names of their own, an image for the HTML, and the rest as JSON."""
    files = {"one.pdf": os.urandom(1000), "zwei ü.txt": b"zwei\r\n", "empty.bin": b"", "drüben.txt": b"--xy\r\n"}
    rest = json.dumps({"from": FROM, "to": [TO], "subject": "map", "headers": {"X-Order": "18"},
                       "attachments": [{"name": "from json", "content": b64(b"json")}]})
    body, _ = form(
        ('Content-Disposition: form-data; name="one.pdf"\r\nContent-Type: application/pdf', files["one.pdf"]),
        file("b", "C:\\folder\\zwei ü.txt", files["zwei ü.txt"], "text/plain"), file("c", "../../empty.bin", files["empty.bin"]),
        file("cid:logo", "logo.png", b"PNG", "image/png"), field("html", "<img src='cid:logo'>"),
        ('Content-Disposition: form-data; name="message"\r\nContent-Type: application/json', rest.encode()),
        ('Content-Disposition: form-data; name="calendar"; filename="i.ics"\r\nContent-Type: text/calendar', ICS.encode()),
        ("Content-Disposition: form-data; name=d; filename==?utf-8?B?w7w=?=; filename*=utf-8''dr%C3%BCben.txt", files["drüben.txt"]), boundary="x")
    # Whatever RFC 2046 allows: the shortest boundary, quoted, not as the last parameter, and something before the first part.
    headers = {"Content-Type": 'Multipart/Form-Data; Boundary="x"; charset=utf-8'}
    _, message, _ = arrived(tenant, api.post("messages", b"\r\n" + body, headers=headers))
    found = parts_by_name(message)
    assert {n: digest(p.get_payload(decode=True)) for n, p in found.items()} == \
        {**{n: digest(d) for n, d in files.items()}, "from json": digest(b"json"), "logo.png": digest(b"PNG")}
    assert found["logo.png"]["Content-ID"] == "<logo>" and message["X-Order"] == "18"
    assert next(p for p in message.walk() if p.get_content_type() == "text/calendar").get_payload(decode=True) == ICS.encode()


def test_a_form_as_javas_http_client_writes_it(tenant, api):
    """Texts in ISO-8859-1 that say so; the library's way unless a program chooses another. The same for Windows' quotes and dashes."""
    def text(name, value, charset):
        return f'Content-Disposition: form-data; name="{name}"\r\nContent-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit', \
            value.encode("windows-1252")
    long = "Grüße „aus“ Köln – 5€\r\n" * 2000
    body, headers = form(field("from", FROM), field("to", TO), text("subject", "Ihre Größe", "ISO-8859-1"), text("text", long, "windows-1252"))
    _, message, _ = arrived(tenant, api.post("messages", body, headers=headers))
    assert message["Subject"] == "Ihre Größe" and message.get_content().splitlines() == long.splitlines()


def test_a_message_as_it_is(tenant, world):
    raw = f"From: {FROM}\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\nG\r\n"
    status, answer = curl(tenant.gateway, "-H", "Content-Type: message/rfc822", "-H", f"X-Postern-Sender: {FROM}", "-H",
                          f"X-Postern-Recipient: {TO}", "--data-binary", f"@{world.file('m', raw)}")
    assert status == 202
    tenant.gateway.wait_state(answer["id"], "delivered")
    assert tenant.sandbox.raw(tenant.sandbox.wait_messages(1)[-1]).endswith(raw.encode())
    assert tenant.gateway.message(answer["id"])["subject"] == "Grüße"


GOOD = {"from": FROM, "to": TO, "subject": "s", "text": "t"}


def attachment(**members):
    return {**GOOD, "attachments": [{"name": "a", "content": "", **members}]}


@pytest.mark.parametrize("body, status, place, says", [
    ({**GOOD, "subjct": "x"}, 422, "/subjct", 'subjct: there is no such field; did you mean "subject"'),
    ({**GOOD, "date": "x"}, 422, "/date", "date: there is no such field"),
    ({**GOOD, "headers": {"reply-to": "x@y.example"}}, 422, "/headers/reply-to", '"reply_to" beside'),
    ({**GOOD, "to": [TO, 7]}, 422, "/to/1", "must be a text"),
    ({**GOOD, "to": [TO, "alice"]}, 422, "/to/1", "no address"),
    ({**GOOD, "to": []}, 422, "/to", "nobody is to receive it"),
    ({**GOOD, "from": ""}, 422, "/from", "no sender"),
    ({**GOOD, "subject": "a\r\nBcc: x@y.example"}, 422, "/subject", "line end"),
    ({**GOOD, "to": f"{TO}\r\nBcc: x@y.example"}, 422, "/to", "without line ends"),
    ({**GOOD, "reply_to": "a@b.example\n"}, 422, "/reply_to", "without line ends"),
    ({**GOOD, "headers": {"X-A": "b\nBcc: x@y.example"}}, 422, "/headers/X-A", "on one line"),
    ({**GOOD, "headers": {"X-A\r\nBcc": "x@y.example"}}, 422, "/headers/X-A\r\nBcc", "no name of a header field"),
    ({**GOOD, "headers": {"Bcc": "x@y.example"}}, 422, "/headers/Bcc", "can't be set"),
    ({**GOOD, "headers": {"X-a/b~": 1}}, 422, "/headers/X-a~1b~0", "must be a text"),
    ({**GOOD, "text": None, "html": 5}, 422, "/html", "must be a text"),
    ({**GOOD, "calendar": {"content": "x", "method": "A\r\nB"}}, 422, "/calendar", "a word"),
    ({**GOOD, "notify": "MAYBE"}, 422, "/notify", "NEVER"),
    ({**GOOD, "ret": "ALL"}, 422, "/ret", "FULL or HDRS"),
    (attachment(name="a\r\nb"), 422, "/attachments/0/name", "line ends"),
    (attachment(type="image"), 422, "/attachments/0/type", "image/png"),
    (attachment(type="a/b\r\nX: y"), 422, "/attachments/0/type", "image/png"),
    (attachment(content_id="a>\r\nX: y"), 422, "/attachments/0/content_id", "content id"),
    (attachment(content="not base64!"), 422, "/attachments/0/content", "not base64"),
    (attachment(content="QUJ"), 422, "/attachments/0/content", "not base64"),
    (attachment(disposition="shown"), 422, "/attachments/0/disposition", "inline or attachment"),
    ({**GOOD, "attachments": [{"name": "a"}]}, 422, "/attachments/0/content", "missing"),
    ({**GOOD, "attachments": {}}, 422, "/attachments", "an array"),
    ([], 422, "", "an object"),
    (b'{"from":"a@b",}', 400, None, "line 1"),
    (b'{"text":"\xff"}', 400, None, "not UTF-8"),
    (b'{"subject":"\xff"}', 400, None, "byte 0xff"),
    (b'{"text":"\\u0000"}', 400, None, "NUL"),
    (b'{"subject":"\\u0000"}', 400, None, "0000"),
    (b'{"text":"x', 400, None, "ends within a text"),
    (b'{"from":"a@b","from":"c@d"}', 400, None, "duplicate"),
    (b"[" * 100, 400, None, "too deep"),
    (b"", 400, None, "line 1"),
])
def test_json_is_refused_by_its_pointer(shared, body, status, place, says):
    refused(shared, shared.gateway.local().post("messages", body, headers={"Content-Type": "application/json"}), status, "pointer", place, says)


@pytest.fixture(scope="module")
def shared():
    """One gateway for all refusals: they must leave nothing behind."""
    import harness
    world = harness.World()
    yield Tenant(world)
    world.close()


def refused(tenant, answer, status, kind, place, says):
    assert answer.status == status, answer
    problem = answer.json
    assert answer.headers["Content-Type"] == "application/problem+json" and says in problem["detail"], problem
    assert problem.get(kind) == place or not place, problem
    assert problem["findings"] and problem["findings"][0]["cause"] and problem["findings"][0]["fix"]
    assert tenant.gateway.json("queue", "list")["items"] == []
    assert list((tenant.gateway.state / "spool").iterdir()) == [] and open_files(tenant.gateway) == 0


def open_files(gateway):
    """Nameless files that the admin role holds."""
    pid = gateway.roles("admin")[0]["pid"]
    found = 0
    for f in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found += "/spool/" in os.readlink(f)
    return found


@pytest.mark.parametrize("parts, status, place, says", [
    ([field("subject", "a\r\nBcc: x@y.example")], 422, "subject", "line end"),
    ([field("subject", b"a\0b")], 422, "subject", "NUL"),
    ([field("subject", b"\xff")], 422, "subject", "UTF-8"),
    ([field("subject", "a"), field("subject", "b")], 422, "subject", "twice"),
    ([field("text", b"\xc3")], 422, "text", "UTF-8"),
    ([('Content-Disposition: form-data; name="text"\r\nContent-Type: text/plain; charset=UTF-16', b"\xff\xfea\0")], 422, "text", "UTF-16"),
    ([('Content-Disposition: form-data; name="subject"\r\nContent-Type: text/plain; charset=iso-8859-1', b"a\x81\r\n")], 422, "subject", "line end"),
    ([field("subjct", "x")], 422, "subjct", "no such field"),
    ([field("cc", "alice")], 422, "cc", "no address"),
    ([field("headers", "X-A: b\r\nBcc: c@d.example")], 422, "headers", "on one line"),
    ([field("headers", "nothing")], 422, "headers", "X-Order"),
    ([file("f", "a", b"x", "message/rfc822")], 422, "f", "can't be attached"),
    ([field("message", "{")], 400, None, "can't be read"),
    ([field("message", '{"to":"x@y.example"}')], 422, "/to", "twice"),
    ([field("message", '{"attachments":[{"content":"!"}]}')], 422, "/attachments/0/content", "base64"),
    ([('Content-Disposition: form-data; name="f"; filename="f"\r\nContent-Transfer-Encoding: base64', b"QQ==")], 400, "f", "octets as they are"),
])
def test_a_form_is_refused_by_its_part(shared, parts, status, place, says):
    body, headers = form(field("from", FROM), field("to", TO), *parts)
    answer = shared.gateway.local().post("messages", body, headers=headers)
    refused(shared, answer, status, "pointer" if place and place[0] == "/" else "part", place, says)


def test_a_broken_form_is_refused(shared):
    body, headers = form(field("from", FROM), field("to", TO), file("f", "f", os.urandom(200000)))
    api = shared.gateway.local()
    for cut in (body[:-4], body[:-200], body[:60], b"", body.replace(b"b0undary", b"another")):
        answer = api.post("messages", cut, headers=headers)
        assert answer.status in (400, 422), (len(cut), answer)
        refused(shared, answer, answer.status, "part", None, "")
    refused(shared, api.post("messages", body, headers={"Content-Type": "multipart/form-data"}), 400, "part", None, "boundary")
    refused(shared, api.post("messages", b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded"}), 415, "part", None,
            "application/json")


def test_what_is_too_large_is_refused(world):
    tenant = Tenant(world, extra="limits: { message-size: 1M, recipients: 3 }")
    api = tenant.gateway.local()
    refused(tenant, api.post("messages", attachment(content=b64(bytes(1200000)))), 413, "pointer", None, "message-size")
    body, headers = form(field("from", FROM), field("to", TO), file("f", "f", bytes(900000)))
    refused(tenant, api.post("messages", body, headers=headers), 413, "part", None, "message-size")  # once it is base64
    refused(tenant, api.post("messages", {**GOOD, "subject": "x" * 600000}), 413, "pointer", None, "JSON is larger")
    refused(tenant, api.post("messages", {**GOOD, "to": [f"a{i}@b.example" for i in range(4)]}), 422, "pointer", None, "limits.recipients")


def test_a_client_that_goes_away_leaves_nothing(tenant, api):
    body, headers = form(field("from", FROM), field("to", TO), file("f", "f", os.urandom(MIB)))
    for cut in (10, 300, MIB // 2, len(body) - 3):
        c = api.connection()
        c.putrequest("POST", "/api/v1/messages")
        for k, v in {**headers, "Content-Length": str(len(body))}.items():
            c.putheader(k, v)
        c.endheaders()
        c.send(body[:cut])
        if cut > 200000:
            until(lambda: open_files(tenant.gateway), "the file it is kept in")
        c.close()
        until(lambda: open_files(tenant.gateway) == 0, "the file goes with the client")
    assert tenant.gateway.json("queue", "list")["items"] == []


def test_the_same_send_is_one_message(tenant, api):
    with_key = {"Idempotency-Key": "order-17"}
    first = api.post("messages", GOOD, headers=with_key)
    again = api.post("messages", GOOD, headers=with_key)
    assert first.status == again.status == 202 and first.json == again.json
    assert first.headers["Idempotent-Replayed"] is None and again.headers["Idempotent-Replayed"] == "true"
    other = api.post("messages", {**GOOD, "subject": "other"}, headers=with_key)
    assert other.status == 422 and other.finding == "api.idempotency" and first.json["id"] in other.json["detail"]
    assert api.post("messages", GOOD, headers={"Idempotency-Key": "a b"}).status == 422
    tenant.gateway.kill()
    tenant.gateway.start()
    assert api.post("messages", GOOD, headers=with_key).json == first.json
    # A form is the same whatever its boundary is.
    forms = [form(field("from", FROM), field("to", TO), file("f", "f", b"x" * 100000), boundary=b) for b in ("one", "two")]
    ids = {api.post("messages", body, headers={**headers, "Idempotency-Key": "form"}).json["id"] for body, headers in forms}
    assert len(ids) == 1
    until(lambda: len(tenant.sandbox.messages()) == 2, "two messages")
    tenant.world.clock.advance(25 * 3600)
    assert api.post("messages", GOOD, headers=with_key).json != first.json


def test_the_same_send_at_the_same_time_is_one_message(tenant, api):
    body = json.dumps(attachment(content=b64(os.urandom(MIB)))).encode()
    headers = {"Idempotency-Key": "together", "Content-Type": "application/json"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post("messages", body, headers=headers), range(16)))
    taken = [a for a in answers if a.status == 202]
    assert taken and {a.status for a in answers} <= {202, 409} and len({a.json["id"] for a in taken}) == 1, answers
    assert all(a.finding == "api.in-progress" and a.headers["Retry-After"] for a in answers if a.status == 409)
    assert api.post("messages", body, headers=headers).json == taken[0].json
    assert len(tenant.gateway.json("queue", "list")["items"]) == 1


def memory(gateway, what="VmRSS"):
    pid = gateway.roles("admin")[0]["pid"]
    return next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith(what))


@pytest.mark.slow
def test_large_attachments_at_one_time_cost_little_memory(tenant, api):
    """Four of 24 MB each, as JSON and as forms: held in memory they would be 110 MB and more."""
    data = os.urandom(24 * MIB)
    as_json = json.dumps(attachment(content=b64(data))).encode()
    as_form, headers = form(field("from", FROM), field("to", TO), file("f", "a", data))
    assert api.post("messages", GOOD).status == 202
    before = memory(tenant.gateway)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        sends = [pool.submit(api.post, "messages", as_json, headers={"Content-Type": "application/json"}) for _ in range(2)]
        sends += [pool.submit(api.post, "messages", as_form, headers=headers) for _ in range(2)]
        answers = [s.result() for s in sends]
    assert [a.status for a in answers] == [202] * 4, answers
    assert memory(tenant.gateway, "VmHWM") - before < 60 * 1024
    for a in answers:
        tenant.gateway.wait_state(a.json["id"], "delivered", deadline=120)
    for m in tenant.sandbox.messages()[-4:]:
        message = email.message_from_bytes(tenant.sandbox.raw(m), policy=email.policy.default)
        assert digest(parts_by_name(message)["a"].get_payload(decode=True)) == digest(data)


def test_messages_are_found(tenant, api):
    tenant.gateway.prepare("mailbox", "pause", FROM)
    ids = [api.post("messages", {**GOOD, "subject": s, "to": to}).json["id"] for s, to in
           (("Invoice 17", TO), ("Größe", "bob@contoso.example"), ("invoice 18", "carol@contoso.example"))]

    def found(query):
        return [m["id"] for m in api.get("messages?" + query).json["items"]]

    assert found("subject=INVOICE") == [ids[2], ids[0]] and found("subject=Gr%C3%B6%C3%9F") == [ids[1]]
    assert found("q=bob") == [ids[1]] and found("q=17") [-1:] == [ids[0]] and found(f"q={ids[2][:14]}")[:1] == [ids[2]]
    accepted = api.get(f"messages/{ids[0]}").json["accepted"]
    assert found(f"until={accepted}") == [] and len(found(f"since={accepted}&until=2030-01-01T00:00:00Z")) == 3
    assert api.get("messages?until=yesterday").status == 400
    listed = tenant.gateway.json("queue", "list", "--subject", "größe", "--until", "2099-01-01T00:00:00Z")["items"]
    assert [m["id"] for m in listed] == [ids[1]]


def test_what_costs_nothing_has_an_end_too(world):
    """Blanks in base64 and empty parts, for as long as somebody likes to send them."""
    tenant = Tenant(world, extra="limits: { message-size: 100K }")
    api = tenant.gateway.local()
    blanks = b'{"attachments":[{"content":"' + b" " * 780000 + b'"}]}'
    refused(tenant, api.post("messages", blanks, headers={"Content-Type": "application/json"}), 413, "pointer", None, "are taken here")
    body, headers = form(*[field("to", "")] * 4000)
    refused(tenant, api.post("messages", body, headers=headers), 400, "part", None, "more than 3000 parts")


def test_an_app_sends_with_its_password_as_itself(tenant):
    tenant.add_mailbox("info@contoso.example")
    other = tenant.gateway.console(basic=("crm", tenant.add_app("crm", "info@contoso.example")))
    app = tenant.gateway.console(basic=("erp", tenant.password))
    body, headers = form(field("from", f"Shop <{FROM}>"), field("to", TO), field("subject", "by an app"), file("f", "f", b"x" * 300000))
    answer = app.post("messages", body, headers=headers)
    m, message, _ = arrived(tenant, answer)
    assert m["envelope"]["from"] == FROM and digest(parts_by_name(message)["f"].get_content()) == digest(b"x" * 300000)
    assert app.get(f"messages/{answer.json['id']}").json["app"] == "erp"
    refusal = app.post("messages", {**GOOD, "from": "info@contoso.example"})
    assert refusal.status == 403 and refusal.finding == "route.sender" and "erp" in refusal.json["detail"]
    by_smtp = tenant.submit(b"From: shop@contoso.example\r\nSubject: by SMTP\r\n\r\nx\r\n")
    assert [m["id"] for m in app.get("messages").json["items"]] == [by_smtp, answer.json["id"]]
    assert other.get("messages").json["items"] == [] and other.get(f"messages/{by_smtp}").status == 404
    assert app.get(f"messages/{by_smtp}/content").status == 403 and app.get("queue/stats").status == 403
    tenant.gateway.asked("PATCH", f"mailboxes/{FROM}", {"protocols": ["pop3"]})
    off = app.post("messages", GOOD)
    assert off.status == 403 and off.finding == "mailbox.protocol" and FROM in off.json["findings"][0]["fix"][0], off
    assert "--protocols smtp pop3" in off.json["detail"]
    unkept = app.get(f"mailboxes/{FROM}/inbox")
    assert unkept.status == 404 and f"--mailbox {FROM} --keep" in unkept.json["findings"][0]["fix"][0], unkept
    wrong = tenant.gateway.console(basic=("erp", "wrong"))
    assert wrong.post("messages", body, headers=headers).status == 401
    assert tenant.gateway.console().post("messages", GOOD).status == 401
