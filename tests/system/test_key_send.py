"""Sending with an API key, in all three forms: what the key's scopes, mailboxes, days and switches allow, and nothing beside."""
import json

import pytest

import harness
from harness import Console, Tenant
from test_api_send import arrived, b64, field, file, form
from test_console import other_address

BOX = Tenant.MAILBOX
DESK = "info@contoso.example"
TO = "alice@contoso.example"


@pytest.fixture(scope="module")
def place():
    world = harness.World()
    place = Tenant(world)
    place.add_mailbox(DESK)
    place.local = place.gateway.local()
    yield place
    world.close()


def key(place, name, **fields):
    place.local.delete(f"keys/{name}")
    made = place.local.put(f"keys/{name}", {"name": name, "scopes": ["send"], **fields})
    assert made.status == 201, made
    return place.gateway.console(bearer=secret(place, name))


def secret(place, name):
    return place.local.post(f"keys/{name}/secret").json["key"]


def as_json(sender, subject):
    body = {"from": sender, "to": TO, "subject": subject, "text": "t", "attachments": [{"name": "a", "content": b64(b"x" * 9000)}]}
    return json.dumps(body).encode(), {"Content-Type": "application/json"}


def as_form(sender, subject):
    return form(field("from", sender), field("to", TO), field("subject", subject), file("f", "a.pdf", b"x" * 90000))


def as_raw(sender, subject):
    text = f"From: {sender}\r\nTo: {TO}\r\nSubject: {subject}\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\nMessage-ID: <{subject}@x>\r\n\r\nt\r\n"
    return text.encode(), {"Content-Type": "message/rfc822", "X-Postern-Sender": sender, "X-Postern-Recipient": TO}


ELSEWHERE = other_address()
FORMS = [as_json, as_form, as_raw]


def send(who, make, sender=BOX, subject="by-key", **more):
    body, headers = make(sender, subject)
    return who.post("messages", body, headers={**headers, **more})


def kept(place):
    """Nothing of a refused one stays."""
    return len(place.local.get("messages?limit=500").json["items"])


@pytest.mark.parametrize("make", FORMS)
def test_with_the_scope_it_is_sent_and_seen_by_its_key_alone(place, make):
    shop, other = key(place, "shop"), key(place, "other")
    before = len(place.sandbox.messages())
    answer = send(shop, make, subject=make.__name__)
    m, message, _ = arrived(place, answer, before + 1)
    assert m["envelope"]["from"] == BOX and message["Subject"] == make.__name__
    shown = shop.get(f"messages/{answer.json['id']}")
    assert shown.status == 200 and shown.json["state"] == "delivered" and shown.json["mailbox"] == BOX
    assert [i["id"] for i in shop.get("messages").json["items"]][:1] == [answer.json["id"]]
    assert other.get("messages").json["items"] == [] and other.get(f"messages/{answer.json['id']}").status == 404
    # The right to send is no right to look around, or to read mail.
    assert shop.get(f"messages/{answer.json['id']}/content").status == 403
    for path in ("status", "mailboxes", "operators", "keys", "audit", "export", f"mailboxes/{BOX}/inbox"):
        refused = shop.get(path)
        assert refused.status == 403 and refused.finding == "console.right", path


@pytest.mark.parametrize("make", FORMS)
def test_without_the_scope_the_missing_right_is_named(place, make):
    before = kept(place)
    for scopes in (["read"], ["inbox", "content"], ["operate"], ["admin"]):
        answer = send(key(place, "reader", scopes=scopes), make)
        assert answer.status == 403 and answer.finding == "console.right", scopes
        assert answer.json["detail"] == "reader lacks the right 'send'"
    assert kept(place) == before


@pytest.mark.parametrize("make", FORMS)
def test_a_key_of_one_mailbox_sends_from_there_alone(place, make):
    desk = key(place, "desk", mailboxes=[DESK])
    before = kept(place)
    refused = send(desk, make, sender=BOX)
    assert refused.status == 403 and refused.finding in ("console.mailbox", "route.sender"), refused
    assert BOX in refused.json["detail"] or "desk" in refused.json["detail"]
    assert kept(place) == before
    sent = send(desk, make, sender=DESK)
    assert sent.status == 202, sent
    assert place.gateway.message(sent.json["id"])["mailbox"] == DESK
    # Naming the mailbox by hand opens no other way.
    body = {"from": DESK, "to": TO, "subject": "s", "text": "t", "mailbox": BOX}
    refused = desk.post("messages", body)
    assert refused.status == 403, refused


@pytest.mark.parametrize("make", FORMS)
def test_a_key_that_is_over_sends_nothing(place, make):
    shop = key(place, "ends")
    before = kept(place)
    for change in ({"expires": "2020-01-31"}, {"expires": "", "is_disabled": True}):
        assert place.local.patch("keys/ends", change).status == 200
        answer = send(shop, make)
        assert answer.status == 401 and answer.finding == "console.key", change
    assert place.local.patch("keys/ends", {"is_disabled": False}).status == 200
    new = secret(place, "ends")
    assert send(shop, make).status == 401  # the old secret is dead at once
    assert kept(place) == before
    assert send(place.gateway.console(bearer=new), make).status == 202
    assert place.local.delete("keys/ends").status == 204
    assert send(place.gateway.console(bearer=new), make).status == 401


def test_the_same_send_of_another_key_is_another_message(place):
    one, two = key(place, "one"), key(place, "two")
    same = {"Idempotency-Key": "order-17"}
    first, again = send(one, as_json, **same), send(one, as_json, **same)
    assert first.status == again.status == 202 and first.json == again.json and again.headers["Idempotent-Replayed"] == "true"
    other = send(two, as_json, **same)
    assert other.status == 202 and other.json != first.json
    # A rotated key is the same key: what it repeats is not sent twice.
    rotated = place.gateway.console(bearer=secret(place, "one"))
    assert send(rotated, as_json, **same).json == first.json


def test_a_key_counts_in_its_own_place_only(place):
    shop = key(place, "place")
    text = shop.auth.split(" ")[1]
    c = place.gateway.console()
    body, headers = as_json(BOX, "elsewhere")
    before = kept(place)
    wrong = [{"Authorization": text}, {"Authorization": f"Key {text}"}, {"Authorization": f"Bearer {text},{text}"}, {"X-API-Key": text},
             {"Authorization": "Basic " + b64(f"place:{text}".encode())}, {"Authorization": "Basic " + b64(f"{text}:".encode())},
             {"Cookie": f"postern={text}"}, {"Authorization": f"Bearer {text}", "Origin": "https://evil.example"}]
    for more in wrong:
        answer = c.post("messages", body, headers={**headers, **more})
        assert answer.status in (401, 403), more
    for path in (f"messages?key={text}", f"messages?access_token={text}"):
        assert c.post(path, body, headers=headers).status == 401, path
    assert c.post("session", {"name": "place", "password": text}).status == 401
    assert kept(place) == before
    said = json.dumps(place.gateway.events()) + place.gateway.process.text()
    assert text.rsplit(".", 1)[1] not in said


@pytest.mark.skipif(not ELSEWHERE, reason="this machine has no address beside loopback")
def test_a_key_over_an_open_line_from_elsewhere_is_refused(place):
    shop = key(place, "far")
    g = place.gateway
    text, port = g.config.read_text(), harness.quiet_port()
    g.config.write_text(text[:text.index("console:")] + f'console: {{ address: "0.0.0.0:{port}", proxy: ["198.51.100.1"] }}\n')
    g.prepare("reload")
    body, headers = as_json(BOX, "far")
    try:
        far = Console(ELSEWHERE, port, bearer=shop.auth.split(" ")[1])
        before = kept(place)
        # Nobody named this one as a proxy, so what it says of the way before it counts for nothing.
        for more in ({}, {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"}):
            refused = far.post("messages", body, headers={**headers, **more})
            assert refused.status == 403 and refused.finding == "console.plain", refused
        assert kept(place) == before
        assert Console("127.0.0.1", port, bearer=shop.auth.split(" ")[1]).post("messages", body, headers=headers).status == 202
    finally:
        g.config.write_text(text)
        g.prepare("reload")
