"""What takes long ends with who asked for it: events, the log that is followed, a sign-in that is waited for, the steps of a test."""
import datetime
import socket
import threading

import pytest

import harness
from harness import Tenant, letter, until
from test_events import Stream

BOX = Tenant.MAILBOX
DESK = "desk@contoso.example"
ANNA = "correct horse battery"


class Silence:
    """A mail server that takes connections and says nothing: a test of it lasts."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.taken = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                self.taken.append(self.server.accept()[0])
            except OSError:
                return

    def close(self):
        self.server.close()
        [s.close() for s in self.taken]


@pytest.fixture(scope="module")
def place():
    world = harness.World()
    place = Tenant(world, grant="code")
    place.silence = Silence()
    local = place.gateway.local()
    local.put("providers/silent", {"name": "silent", "smtp": {"host": "127.0.0.1", "port": place.silence.port, "tls": "none", "sasl": "none"}})
    assert local.put(f"mailboxes/{DESK}", {"address": DESK, "provider": "silent", "grant": "none"}).status == 201
    place.gateway.prepare("operator", "add", "keeper", "--role", "administrator", "--password-file", "-", stdin=ANNA)
    yield place
    place.silence.close()
    world.close()


def wait_path(place):
    started = place.gateway.local().post(f"mailboxes/{BOX}/authorize", {"method": "paste"})
    return f"authorizations/{started.json['id']}/wait"


# What is asked for, and how it is known that it began.
LONG = {
    "events": ("GET", lambda place: "events", True), "log": ("GET", lambda place: "log?follow=1", True),
    "sign-in": ("GET", wait_path, False), "test": ("POST", lambda place: f"mailboxes/{DESK}/test", True),
}


class Long:
    """One that was asked for by `who`, and is under way."""

    def __init__(self, place, who, what):
        method, path, is_stream = LONG[what]
        before = len(place.silence.taken)
        self.is_stream, self.c = is_stream, who.connection(timeout=30)
        headers = {**who.headers(method), "Content-Type": "application/json"}
        self.c.request(method, "/api/v1/" + path(place), b'{"protocol":"smtp"}' if method == "POST" else None, headers)
        if is_stream:
            self.answer = self.c.getresponse()
            assert self.answer.status == 200, self.answer.read()
        if what == "test":
            until(lambda: len(place.silence.taken) > before, "the test is under way")
        elif not is_stream:
            assert who.get("session").json["signed_in"]  # whoever asks next is served: it was heard

    def is_open(self):
        self.c.sock.setblocking(False)
        try:
            while True:
                if not self.c.sock.recv(65536):
                    return False
        except BlockingIOError:
            return True
        finally:
            self.c.sock.settimeout(30)

    def ends(self, *statuses):
        if self.is_stream:
            self.answer.read()  # returns
        else:
            self.answer = self.c.getresponse()
            assert self.answer.status in (401, *statuses), self.answer.read()
        self.c.close()


@pytest.fixture
def anna(place):
    """An administrator, fresh for each test."""
    local = place.gateway.local()
    local.put("operators/anna", {"name": "anna", "role": "administrator"})
    assert local.put("operators/anna/password", {"password": ANNA}).status == 204
    c = place.gateway.console()
    assert c.sign_in("anna", ANNA).status == 200
    return c


def sign_out(place, anna):
    assert anna.delete("session").status == 204


def leave_alone(place, anna):
    place.world.clock.advance(31 * 60)


def disable(place, anna):
    assert place.gateway.local().patch("operators/anna", {"is_disabled": True}).status == 200


def remove(place, anna):
    assert place.gateway.local().delete("operators/anna").status == 204


def new_password(place, anna):
    assert place.gateway.local().put("operators/anna/password", {"password": "another long one"}).status == 204


@pytest.mark.parametrize("how", [sign_out, leave_alone, disable, remove, new_password])
def test_it_ends_with_the_session(place, anna, how):
    other = place.gateway.console()
    under_way = [Long(place, anna, what) for what in LONG]
    if how is not leave_alone:
        assert other.sign_in("keeper", ANNA).status == 200
        kept = Long(place, other, "events")
    how(place, anna)
    for one in under_way:
        one.ends(*([422] if how is leave_alone else []))  # by then the sign-in that is waited for may be too old, too
    if how is not leave_alone:
        assert kept.is_open()  # somebody else's
        kept.c.close()


def test_who_may_no_more_change_waits_for_no_change(place, anna):
    waiting, events = Long(place, anna, "sign-in"), Long(place, anna, "events")
    assert place.gateway.local().patch("operators/anna", {"role": "operator"}).status == 200
    waiting.ends()
    assert events.is_open() and anna.get("status").status == 200  # looking is still allowed
    events.c.close()


# -- keys --


@pytest.fixture
def key(place):
    """One that may see, test and change everything, fresh for each test."""
    local = place.gateway.local()
    local.delete("keys/robot")
    assert local.put("keys/robot", {"name": "robot", "scopes": ["read", "operate", "admin"]}).status == 201
    return place.gateway.console(bearer=local.post("keys/robot/secret").json["key"])


def key_removed(place, key):
    assert place.gateway.local().delete("keys/robot").status == 204


def key_disabled(place, key):
    assert place.gateway.local().patch("keys/robot", {"is_disabled": True}).status == 200


def key_rotated(place, key):
    assert place.gateway.local().post("keys/robot/secret").status == 200


def key_rotates_itself(place, key):
    assert key.post("keys/robot/secret").status == 200


def key_limited(place, key):
    assert place.gateway.local().patch("keys/robot", {"mailboxes": [DESK]}).status == 200


def key_expires(place, key):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(milliseconds=place.world.clock.ms)
    assert place.gateway.local().patch("keys/robot", {"expires": now.date().isoformat()}).status == 200
    assert key.get("status").status == 200  # the day itself still counts
    place.world.clock.advance(86400 + 60)
    return 422  # of a sign-in: it is over as well by then, and which is noticed first is all the same


@pytest.mark.parametrize("how", [key_removed, key_disabled, key_rotated, key_rotates_itself, key_limited, key_expires])
def test_it_ends_with_the_key(place, key, how):
    under_way = [Long(place, key, what) for what in LONG]
    also = how(place, key)
    for one in under_way:
        one.ends(also)
    assert key.get("status").status in (401, 403)


def test_another_key_and_a_new_description_end_nothing(place, key):
    events = Long(place, key, "events")
    local = place.gateway.local()
    assert local.put("keys/other", {"name": "other", "scopes": ["read"]}).status == 201
    assert local.post("keys/other/secret").status == 200
    assert local.delete("keys/other").status == 204
    assert local.patch("keys/robot", {"scopes": ["read", "operate", "admin", "send"]}).status == 200
    assert events.is_open()
    events.c.close()


def test_a_body_that_comes_slowly_is_not_taken_from_a_key_that_has_ended(place, key):
    body = b'{"name":"by-robot","mailboxes":["%s"]}' % BOX.encode()
    for how in (key_rotated, key_disabled):
        c = key.connection()
        c.putrequest("PUT", "/api/v1/apps/by-robot")
        for name, value in {**key.headers("PUT"), "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            c.putheader(name, value)
        c.endheaders(body[:10])
        assert key.get("status").status == 200
        how(place, key)
        c.send(body[10:])
        assert c.getresponse().status == 401
        c.close()
        assert place.gateway.local().get("apps/by-robot").status == 404
        key = place.gateway.console(bearer=place.gateway.local().post("keys/robot/secret").json["key"])


def test_a_key_of_some_mailboxes_hears_of_those_alone(place):
    local = place.gateway.local()
    local.delete("keys/desk")
    local.put("keys/desk", {"name": "desk", "scopes": ["read"], "mailboxes": [BOX]})
    desk = place.gateway.console(bearer=local.post("keys/desk/secret").json["key"])
    for path in ("events", f"events?mailbox={DESK}", "events?mailbox=", "events?message=0000000000000001", "log", "log?follow=1", f"log?mailbox={BOX}"):
        answer = desk.get(path)
        assert answer.status == 403 and answer.finding == "console.mailbox", path
    s = Stream(desk, f"events?mailbox={BOX.upper()}")
    assert s.status == 200
    s.block()
    place.gateway.prepare("mailbox", "pause", DESK)
    place.gateway.prepare("mailbox", "pause", BOX)
    m = place.submit(letter("for the desk"))
    event = s.event("mail.accepted")
    assert event["message"] == m and event["mailbox"] == BOX
    s.close()
    everything = Stream(desk, f"events?mailbox={BOX}&last_event_id=0-0")
    seen = []
    while not seen or seen[-1].get("message") != m:
        seen.append(everything.event())
    assert {e["mailbox"].lower() for e in seen if "mailbox" in e} == {BOX} and all("mailbox" in e or "text" in e for e in seen)
    everything.close()
    # What it can't see it can't wait for, either.
    assert desk.get(wait_path(place)).status == 403 and desk.post(f"mailboxes/{DESK}/test", {}).status == 403
    place.gateway.prepare("queue", "remove", m)
    place.gateway.prepare("mailbox", "resume", BOX)
