"""Signing a mailbox in from its page: again after the grant died, as somebody else, with a code, by a link to its owner."""
import pytest

import harness
from scene import Scene
from test_first_run import signs_in_at_entra


@pytest.fixture(scope="module")
def scene(world):
    s = Scene(world)
    s.provider()
    s.registration("people", "web")
    s.registration("devices", "public")
    s.gateway.prepare("mailbox", "add", s.MAILBOX, "--registration", "people", "--grant", "code")
    s.app("erp")
    return s


def authorize(person, way="In this browser"):
    person.choose(way).press("Authorize").press("Open the sign-in page")
    return signs_in_at_entra(person)


def test_a_dead_grant_is_mended_from_the_page_and_mail_goes_on(person, scene):
    g = scene.gateway
    person.go(f"/mailboxes/{scene.MAILBOX}").sees("Sign in as")
    authorize(person)
    person.sees("signed in")
    g.wait_state(scene.submit("before"), "delivered")
    scene.sandbox.set("revoke", scene.MAILBOX)
    person.expects(401)
    g.world.clock.advance(2 * 3600)  # the access token ends, and so does the session
    scene.renew(scene.ADMINISTRATOR)
    person.is_signed_in_as(scene.ADMINISTRATOR)
    waiting = scene.submit("while the grant is dead")
    harness.until(lambda: g.json("status")["needs_person"], "it is noticed")
    person.go("/").sees(scene.MAILBOX, "Mend it").press("Mend it").is_at(f"/mailboxes/{scene.MAILBOX}").sees("AADSTS50173", "What to do")
    authorize(person)
    g.wait_state(waiting, "delivered")
    person.go("/").sees("Nothing needs a person.")


def test_somebody_else_who_signs_in_is_named_and_not_kept(person, scene):
    person.expects(400, 403, 409, 422)
    person.go(f"/mailboxes/{scene.MAILBOX}").press("Authorize again").choose("In this browser").press("Authorize").press("Open the sign-in page")
    _, said = signs_in_at_entra(person, user="bob@contoso.example")
    person.sees("bob@contoso.example")
    assert scene.gateway.json("mailbox", "show", scene.MAILBOX)["grant_state"]["user"] == scene.MAILBOX


def test_with_a_code_on_another_device(person, scene):
    address = "bob@contoso.example"
    scene.gateway.prepare("mailbox", "add", address, "--registration", "devices", "--grant", "device")
    scene.sandbox.set("auto-user", address)
    scene.sandbox.set("auto-device", "approve")
    person.go(f"/mailboxes/{address}").choose("With a code").press("Authorize")
    code = person.until(lambda: person.js("return document.querySelector('.code .big')?.textContent"), "the code, big")
    assert len(code) >= 6
    scene.gateway.world.clock.advance(6)
    person.sees("signed in", deadline=40)
