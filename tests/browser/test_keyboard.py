"""Without a mouse: Tab, arrows, Enter, Space and Escape lead from the sign-in to a test mail, and where one is can be seen."""
import pytest
from selenium.webdriver.common.keys import Keys

from entra import signs_in_at_entra
from scene import PASSWORDS, Scene


@pytest.fixture(scope="module")
def scene(world):
    s = Scene(world)
    s.provider()
    s.registration("people", "web")
    return s


def test_from_the_sign_in_to_a_test_mail(stranger, scene):
    person = stranger
    person.go("/mailboxes/new").until(lambda: person.js("return document.activeElement.id === 'name'"), "the name waits to be typed")
    person.keys(scene.ADMINISTRATOR).tab().keys(PASSWORDS[scene.ADMINISTRATOR], Keys.ENTER).is_at("/mailboxes/new")
    person.tab_to("field", "Registration").keys("people").tab_to("button", "Go on").keys(Keys.ENTER)
    person.until(lambda: person.finds("field", "Address") and person.has_focus(person.finds("field", "Address")), "the first field waits")
    person.keys("not an address", Keys.ENTER).until(lambda: person.js("return document.activeElement.getAttribute('aria-invalid') === 'true'"), "what is wrong has the focus")
    person.expects(422)
    person.keys(Keys.CONTROL, "a").keys(scene.MAILBOX, Keys.ENTER).sees(f"Sign in as {scene.MAILBOX}")
    person.tab_to("field", "In this browser", exact=False).keys(Keys.ARROW_DOWN, Keys.ARROW_UP).tab_to("button", "Authorize").keys(Keys.ENTER)
    person.tab_to("button", "Open the sign-in page").keys(Keys.ENTER)
    signs_in_at_entra(person)
    person.sees(f"{scene.MAILBOX} is signed in as")
    assert person.js("return document.activeElement.textContent") == "Go on to the test", "what comes next waits for Enter"
    person.keys(Keys.ENTER)
    person.tab_to("field", "POP3 (reading)").keys(Keys.SPACE).tab_to("field", "Test address").keys("alice@contoso.example").tab_to("button", "Test").keys(Keys.ENTER)
    person.until(lambda: person.text().count("All of it works.") == 2, "what was left chosen works", 60)
    person.sees("Message accepted")
    assert person.js("return document.activeElement.textContent") == "Go on"
    person.keys(Keys.ENTER).until(lambda: person.finds("field", "Name"), "the app step")
    person.keys("scanner", Keys.ENTER).sees("Copy it now")


def test_a_dialog_keeps_the_focus_and_gives_it_back(person, scene):
    person.go("/settings/operators/rolf").tab_to("button", "Remove").keys(Keys.ENTER).sees("Remove the operator rolf?")
    seen = {person.tab().js("return document.activeElement.closest('dialog') ? document.activeElement.textContent : document.activeElement.tagName") for _ in range(5)}
    assert {"Cancel", "Remove"} <= seen <= {"Cancel", "Remove", "BODY"}, "Tab goes round inside"
    person.keys(Keys.ESCAPE).until(lambda: not person.js("return document.querySelector('dialog[open]')"), "Escape closes it")
    assert person.js("return document.activeElement.textContent") == "Remove"
    person.sees_focus()
    assert scene.session(scene.ADMINISTRATOR).get("operators/rolf").status == 200


def test_the_menu_can_be_skipped_and_nothing_is_lost(person, scene):
    person.go("/settings/keys/+").fill("Name", "half-typed")
    person.js("document.activeElement.blur()")
    person.js("document.querySelector('a.skip').focus()")
    person.sees_focus().keys(Keys.ENTER)
    person.until(lambda: person.js("return document.activeElement.id") == "main", "the content has the focus")
    assert person.value("Name") == "half-typed"
    person.tab()
    assert person.js("return document.getElementById('main').contains(document.activeElement)"), "and goes on from there"


def test_the_menu_of_a_narrow_window_opens_and_closes(person, scene):
    person.window(360).go("/").tab_to("button", "Menu").keys(Keys.ENTER)
    person.tab_to("link", "Apps").keys(Keys.ESCAPE)
    assert person.js("return document.activeElement.textContent") == "Menu" and person.finds("link", "Apps") is None
    person.keys(Keys.ENTER).tab_to("link", "Apps").keys(Keys.ENTER).is_at("/apps")
    assert person.js("return document.activeElement.tagName") == "H1", "the new page is read from its heading"
