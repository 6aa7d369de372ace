"""Mail in from the console: an endpoint is made and tested, and what was parked is tried again."""
import json

import pytest

from scene import PASSWORDS, Receiver, Scene


@pytest.fixture(scope="module")
def scene(world):
    s = Scene(world)
    s.connect()
    s.receiver = Receiver()
    yield s
    s.receiver.close()


def test_an_endpoint_is_made_tested_and_gets_mail(person, scene):
    person.go("/inbound").follow("Add an endpoint").fill("Name", "crm").fill("Address (URL)", scene.receiver.url).press("Add")
    key = person.shown_secret()
    person.press("I have copied it").is_at("/endpoints/crm")
    assert key not in person.text(), "shown once"
    person.press("Test").sees("Handed over", "All of it works.")
    scene.gateway.wait_event("inbox.connected", mailbox=scene.MAILBOX)
    before = len(scene.receiver.bodies)
    scene.sandbox.put(b"From: ann@fabrikam.example\r\nTo: shop@contoso.example\r\nSubject: A question\r\n\r\nHow much?\r\n", scene.MAILBOX)
    person.until(lambda: len(scene.receiver.bodies) > before, "the web hook is called")
    assert json.loads(scene.receiver.bodies[-1])["subject"] == "A question"
    person.go("/inbound").until(lambda: [r for r in person.rows("Mail that came in") or [] if r[1].startswith("A question") and r[2] == "handed over"], "it is listed")
    person.check()


def test_a_session_that_ends_behind_a_form_leaves_it_as_it_is(person, scene):
    """The page follows what arrives, so it hears of the end by itself: the password is asked for in place."""
    person.expects(401)
    person.go("/endpoints/crm").unfold("Patience").fill("Hours of retries", "9")
    assert scene.session(scene.ADMINISTRATOR).delete("session").status == 204  # the same session as the browser's
    scene.renew(scene.ADMINISTRATOR)
    person.sees("Your session has ended").fill("Password", PASSWORDS[scene.ADMINISTRATOR]).press("Sign in")
    person.press("Save").sees("crm is saved")
    assert scene.gateway.asked("GET", "endpoints/crm")["patience_h"] == 9


def test_what_is_parked_is_tried_again(person, scene):
    item = scene.park(scene.receiver, "orders", "An order that waits")
    person.go("/").sees("orders").go("/inbound?state=parked").sees("An order that waits")
    person.follow("An order that waits").is_at(f"/inbound/{item}").sees("Why it is parked", "410")
    scene.receiver.status = 200
    person.press("Retry")
    scene.gateway.wait_event("mail.handed", item=item)
    person.sees("handed over")
    assert person.finds("button", "Retry") is None


def test_an_endpoint_whose_receiver_is_away_says_so(person, scene):
    person.go("/inbound/new").fill("Name", "lost").fill("Address (URL)", "http://127.0.0.1:9/").press("Add")
    person.shown_secret()
    person.press("I have copied it").is_at("/endpoints/lost").press("Test").sees("127.0.0.1:9", "What to do")
    person.press("Remove").sees("Remove the endpoint lost?").press("Remove").is_at("/inbound").sees_not("lost\n")


def test_an_endpoint_that_was_given_no_key_says_so(person, scene):
    """As one that came with a document: what it hands over can't be signed, and waits."""
    scene.gateway.asked("PUT", "endpoints/keyless", {"name": "keyless", "mailbox": scene.MAILBOX, "kind": "webhook", "webhook": {"url": scene.receiver.url}})
    person.go("/").sees("keyless", "It has no key to sign with")
    scene.watched("keyless")
    scene.arrive("A mail that waits for a key")
    scene.gateway.wait_event("mail.not-handed", endpoint="keyless")
    person.go("/").sees("1 message waits, as it has no key to sign with")
    person.go("/endpoints/keyless").sees("has no key to sign with", "What to do").press("New key").press("Make it").shown_secret()
    person.press("I have copied it").until(lambda: "The webhook has no key" not in person.text(), "the page knows of the key")
