"""On a phone, with a finger: the menu, rows that became cards, dialogs."""
import pytest

from scene import Scene


@pytest.fixture(scope="module")
def scene(world):
    s = Scene(world)
    s.connect()
    s.gateway.wait_state(s.submit("an order"), "delivered")
    s.held = s.hold("an order that waits")
    return s


@pytest.fixture
def thumb(person):
    return person.phone()


def test_a_held_message_is_found_and_released(thumb, scene):
    thumb.go("/").tap("Menu").tap("Messages", "link").is_at("/messages")
    assert thumb.finds("link", "Doctor") is None, "the menu is out of the way again"
    thumb.tap("Choose an order that waits", "field").sees("1 chosen")
    assert thumb.too_wide() is None
    thumb.tap("Remove", "button").sees("Remove 1 message?")
    inside = thumb.js("const b = document.querySelector('dialog[open]').getBoundingClientRect(); return b.left >= 0 && b.right <= innerWidth && b.top >= 0 && b.bottom <= innerHeight")
    assert inside, "the question fits"
    thumb.tap("Cancel", "button").tap("an order that waits", "link").is_at(f"/messages/{scene.held}").tap("Release", "button")
    scene.gateway.wait_state(scene.held, "delivered")
    thumb.sees("Finished: ")
    thumb.until(lambda: thumb.js("return document.querySelector('pre.dialogue')?.checkVisibility()"), "the dialogue")
    assert thumb.too_wide() is None


@pytest.mark.parametrize("path", ["/", "/messages", "/mailboxes/shop@contoso.example", "/settings/operators", "/inbound/new"])
def test_nothing_is_too_small_for_a_finger(thumb, path):
    thumb.go(path)
    thumb.tap("Menu")
    assert thumb.hard_to_hit() == []
