"""Signing a mailbox in from its page, in every way there is: again after the grant died, as somebody else, pasted back, with a code,
and by a link that its owner opens, who is nobody here."""
import pytest

from entra import ends_elsewhere, signs_in_at_entra
from scene import Scene

BOB, ALICE, PRINTER = (f"{name}@contoso.example" for name in ("bob", "alice", "printer"))


@pytest.fixture(scope="module")
def scene(world):
    s = Scene(world)
    s.provider()
    s.registration("people", "web")
    s.registration("devices", "public")
    for address, registration, grant in ((s.MAILBOX, "people", "code"), (ALICE, "people", "code"), (PRINTER, "devices", "code"), (BOB, "devices", "device")):
        s.mailbox(address, registration, grant)
    s.app("erp")
    return s


def grant(scene, address):
    return scene.gateway.asked("GET", f"mailboxes/{address}/grant")


def owner_link(scene, address):
    return scene.gateway.asked("POST", f"mailboxes/{address}/owner-link", {})["url"]


def needed(address):
    """Where the overview says that it needs a person."""
    return f"//ul[contains(@class, 'needs')]/li[.//p[text()='{address}']]"


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
    g.wait_state(waiting, "held")
    person.go("/").sees("What needs a person").press_in(needed(scene.MAILBOX), "Mend it").is_at(f"/mailboxes/{scene.MAILBOX}").sees("AADSTS50173", "What to do")
    person.follow("Authorize it here")
    person.until(lambda: person.js("return document.activeElement.id") == "sign-in", "the finding leads to where it is mended")
    authorize(person)
    g.wait_state(waiting, "delivered", deadline=5)
    person.visit("/").sees(scene.MAILBOX)
    assert not person.js("return Boolean(document.evaluate(arguments[0], document, null, 9).singleNodeValue)", needed(scene.MAILBOX)), "nobody is needed any more"


def test_somebody_else_who_signs_in_is_named_and_not_kept(person, scene):
    person.expects(400, 403, 409, 422)
    person.go(f"/mailboxes/{scene.MAILBOX}").press("Authorize again").choose("In this browser").press("Authorize").press("Open the sign-in page")
    signs_in_at_entra(person, user=BOB)
    person.sees(BOB, "Try again")
    assert grant(scene, scene.MAILBOX)["user"] == scene.MAILBOX


PASTED = {
    "localhost": (ALICE, "In this browser, pasted back", "http://localhost"),
    "nativeclient": (PRINTER, "Over Microsoft’s own page", "https://login.microsoftonline.com/common/oauth2/nativeclient"),
}


@pytest.mark.parametrize("name", PASTED)
def test_the_address_of_a_page_that_does_not_open_is_pasted_back(person, scene, name):
    """What is pasted by mistake is refused in words, and the true address still works."""
    address, way, redirect = PASTED[name]
    person.expects(0, 422)
    person.hosts.add("login.microsoftonline.com")
    person.go(f"/mailboxes/{address}").choose(way).press("Authorize").press("Open the sign-in page")
    ended = ends_elsewhere(person)
    assert ended.startswith(redirect) and "code=" in ended
    person.fill("Address of that page", redirect + "/?code=of-another&state=sign-in").press("Finish")
    person.until(lambda: person.js("return [...document.querySelectorAll('main .problem, main .error:not([hidden])')].some((e) => e.checkVisibility())"), "a refusal")
    person.fill("Address of that page", ended).press("Finish").sees(f"{address} is signed in as {address}.")
    assert grant(scene, address)["user"] == address


def test_with_a_code_on_another_device(person, scene):
    scene.sandbox.set("auto-user", BOB)
    scene.sandbox.set("auto-device", "approve")
    person.go(f"/mailboxes/{BOB}").choose("With a code").press("Authorize")
    shown = person.until(lambda: person.js("const e = document.querySelector('.code .big'); return e && [e.textContent, parseFloat(getComputedStyle(e).fontSize)]"), "the code")
    assert len(shown[0]) >= 6 and shown[1] >= 28, "to be read from across a desk"
    scene.gateway.world.clock.advance(6)
    person.sees("signed in", deadline=40)
    scene.sandbox.set("auto-device", "off")


def test_the_owner_signs_in_by_a_link_and_the_administrator_sees_it(person, scene):
    person.expects(404, 410, 422)
    person.go(f"/mailboxes/{scene.MAILBOX}").press("Authorize again").choose("By the mailbox’s owner").press("Authorize").sees("It needs no account here, works once", "can be opened on this machine only", "console.public-url")
    link = person.js("return document.querySelector('[aria-label=link] code').textContent")
    before = grant(scene, scene.MAILBOX)["since"]
    scene.world.clock.advance(1)
    console = person.new_window()
    person.go(link).sees(f"Sign in {scene.MAILBOX}", "Postern never sees your password").press("Sign in in this browser").press("Open the sign-in page")
    signs_in_at_entra(person)
    person.sees("Thank you", f"{scene.MAILBOX} is signed in. You may close this page.")
    person.go(link).sees("This link is not in force")
    person.back_to(console)
    person.sees(f"{scene.MAILBOX} is signed in as {scene.MAILBOX}.")
    assert grant(scene, scene.MAILBOX)["since"] > before


def test_the_wrong_owner_is_named_and_the_link_goes_on(stranger, scene):
    stranger.expects(422)
    stranger.go(owner_link(scene, ALICE)).press("Sign in in this browser").press("Open the sign-in page")
    signs_in_at_entra(stranger, user=BOB)
    stranger.sees(BOB, ALICE).press("Try again").press("Sign in in this browser").press("Open the sign-in page")
    signs_in_at_entra(stranger, user=ALICE)
    stranger.sees("Thank you")
    assert not stranger.js("return document.getElementById('menu')"), "nobody's console"


def test_a_link_of_before_or_of_long_ago_is_not_in_force(stranger, scene):
    """And says no more than that to who is nobody here."""
    stranger.expects(404, 410, 422)
    older, link = owner_link(scene, ALICE), owner_link(scene, ALICE)
    stranger.go(older).sees("This link is not in force").sees_not(ALICE)
    stranger.go(link).sees(f"Sign in {ALICE}")
    scene.world.clock.advance(8 * 86400)
    stranger.press("Sign in in this browser").sees_not("Open the sign-in page")
    stranger.go(link).sees("This link is not in force").sees_not(ALICE)
