"""The queue as a person works with it: finding, retrying, holding, releasing, removing, and one message's story."""
import pytest
from selenium.webdriver.common.keys import Keys

from scene import Scene


@pytest.fixture(scope="module")
def scene(world):
    s = Scene(world)
    s.connect()
    s.first = s.submit("a story to tell", to="bob@contoso.example")  # on a connection of its own, from greeting to outcome
    s.gateway.wait_state(s.first, "delivered")
    return s


BUSY = "rcpt=451 4.7.500 Server busy. Please try again later"


def subjects(person):
    return [row[1].split("\n")[0] for row in person.rows("Messages") or []]


def wait_subjects(person, *wanted):
    person.until(lambda: sorted(subjects(person)) == sorted(wanted), f"{wanted} in the list, not {subjects(person)}")
    person.check()


def test_many_at_once(person, scene):
    """Held mail is found, released, held again and removed, several in one go; what was not chosen stays as it is."""
    g = scene.gateway
    scene.sandbox.set("smtp.inject", BUSY)
    ids = {n: scene.submit(f"lot {n}") for n in "abcd"}
    person.go("/messages").fill("Search, or an id and Enter", "lot ")
    wait_subjects(person, "lot a", "lot b", "lot c", "lot d")
    for n in "abc":
        person.choose(f"Choose lot {n}")
    person.sees("3 chosen").press("Hold")
    for n in "abc":
        g.wait_state(ids[n], "held")
    person.fill("State", "held")
    wait_subjects(person, "lot a", "lot b", "lot c")
    person.choose("Choose lot a").press("Release")
    wait_subjects(person, "lot b", "lot c")
    person.choose("Choose lot b").press("Remove").sees("Remove 1 message?").press("Cancel")
    assert g.message(ids["b"])["state"] == "held", "asked, and not done"
    person.press("Remove").press("Remove")
    wait_subjects(person, "lot c")
    assert g.message(ids["b"])["state"] == "removed"
    person.unfold("Do something with all that fit")
    person.js("document.querySelector('main > details:last-child .actions').scrollIntoView()")
    person.press("Release").sees("Release all that fit?").press("Release")
    wait_subjects(person)
    person.sees("No message fits.")
    scene.sandbox.set("smtp.inject", "off")
    person.fill("State", "any")
    wait_subjects(person, "lot a", "lot b", "lot c", "lot d")
    for n in "acd":
        person.choose(f"Choose lot {n}")
    person.press("Retry")
    for n in "acd":
        g.wait_state(ids[n], "delivered")


def test_more_than_a_hundred_are_done_in_parts_with_progress(person, scene):
    g, many = scene.gateway, 120
    scene.hold_many([f"bulk {n}" for n in range(many)])
    count = lambda state: len(g.asked("GET", f"messages?subject=bulk&state={state}&limit=500")["items"])  # noqa: E731
    person.go("/messages?subject=bulk").until(lambda: len(subjects(person)) == 50, "the first of them")
    g.asked("POST", f"mailboxes/{scene.MAILBOX}/pause")  # so that released mail stays
    person.slow(200)
    for verb, said in (("Release", "released"), ("Retry", "will be tried at once"), ("Hold", "held")):
        person.unfold("Do something with all that fit")
        person.press_in("//main/details[last()]", verb).press(verb).sees("Under way", "100 messages so far").sees(f"{many} messages {said}")
    assert count("held") == many
    person.press("Show more").press("Show more").until(lambda: len(subjects(person)) == many, "all of them")
    person.choose("Choose all that are shown").sees(f"{many} chosen").press("Remove").sees(f"Remove {many} messages?").press("Remove").sees("Under way")
    part = person.until(lambda: person.js("const p = document.querySelector('dialog progress'); return p?.value && p.value / p.max"), "how far it is")
    assert part == pytest.approx(100 / many)
    person.sees(f"{many} messages removed")
    assert count("removed") == many and count("held") == 0
    g.asked("POST", f"mailboxes/{scene.MAILBOX}/resume")


def test_a_retry_is_at_once(person, scene):
    g = scene.gateway
    scene.sandbox.set("smtp.inject", BUSY)
    waiting = scene.submit("waits for a retry")
    g.wait_state(waiting, "deferred")
    person.go(f"/messages/{waiting}").sees("waits to be tried again", "Why it waits", "Server busy")
    scene.sandbox.set("smtp.inject", "off")
    person.press("Retry")
    g.wait_state(waiting, "delivered")
    person.sees("Finished: ")
    assert person.finds("button", "Retry") is None, "what is done is not tried again"


def test_one_message_tells_its_story(person, scene):
    """By id, from the search: who it was for, each attempt word by word, secrets masked."""
    message = scene.first
    person.go("/messages").fill("Search, or an id and Enter", message).keys(Keys.ENTER).is_at(f"/messages/{message}")
    person.sees("a story to tell", "bob@contoso.example", "delivered", "Accepted", "Finished: ").unfold("What was said")
    said = person.until(lambda: person.js("return document.querySelector('pre.dialogue')?.innerText"), "the dialogue")
    assert "RCPT TO:<bob@contoso.example>" in said and "250 " in said
    assert "C: AUTH XOAUTH2" in said and "C: [masked]" in said and "eyJ" not in said and "dXNlcj" not in said, "the token is masked"


def test_a_days_traffic_is_read_with_the_arrows(person, scene):
    """Its numbers stand behind the chart, for a screen reader as a table."""
    person.go("/").until(lambda: person.js("return document.querySelector('.plot')"), "a chart")
    person.js("document.querySelector('.plot').focus()")
    person.keys(Keys.ARROW_LEFT)
    said = person.js("return document.activeElement.getAttribute('aria-label')")
    assert "delivered" in said and "failed" in said, said
    assert len(person.rows(f"Mail of {scene.MAILBOX} by hour")) == 24


def test_searching(person, scene):
    g = scene.gateway
    for subject, to in (("invoice 4711", "alice@contoso.example"), ("invoice 4712", "bob@contoso.example")):
        g.wait_state(scene.submit(subject, to=to), "delivered")
    bounced = scene.bounce("invoice to nobody")
    person.go("/messages").fill("Search, or an id and Enter", "invoice")
    wait_subjects(person, "invoice 4711", "invoice 4712", "invoice to nobody")
    assert person.where() == "/messages?q=invoice", "what is looked for can be bookmarked"
    person.fill("State", "bounced")
    wait_subjects(person, "invoice to nobody")
    person.fill("State", "any").unfold("More to search by").fill("Recipient", "bob@")
    wait_subjects(person, "invoice 4712")
    person.fill("Recipient", "").fill("Subject", "4711")
    wait_subjects(person, "invoice 4711")
    person.go(f"/messages/{bounced}").sees("bounced", "What went wrong", "550 5.1.10")


def test_a_list_that_is_open_follows_what_happens(person, scene):
    person.go("/messages?q=arrives").sees("No message fits.")
    scene.gateway.wait_state(scene.submit("arrives while it is open"), "delivered")
    wait_subjects(person, "arrives while it is open")
    person.until(lambda: person.rows("Messages")[0][2] == "delivered", "its state is followed too")


def test_as_many_windows_as_one_likes(person, scene):
    """A browser has six connections to a host: a list that nobody sees holds none, and has caught up when it is seen again."""
    person.go("/messages?q=windows").sees("No message fits.")
    first = person.driver.current_window_handle
    try:
        for _ in range(7):
            person.driver.switch_to.new_window("tab")
            person.go("/messages?q=windows").sees("No message fits.")
        scene.gateway.wait_state(scene.submit("seen in all windows"), "delivered")
        wait_subjects(person, "seen in all windows")
    finally:
        for handle in person.driver.window_handles:
            if handle != first:
                person.driver.switch_to.window(handle)
                person.driver.close()
        person.driver.switch_to.window(first)
    wait_subjects(person, "seen in all windows")
    person.until(lambda: person.rows("Messages")[0][2] == "delivered", "its state is followed again")


def test_who_only_looks_finds_nothing_to_press(reader, scene):
    held = scene.hold("not for a reader")
    reader.go(f"/messages/{held}").sees("not for a reader", "held")
    assert not [b for b in ("Retry", "Release", "Remove", "Download the original") if reader.finds("button", b)]
    reader.go("/messages?state=held").sees("not for a reader")
    assert reader.js("return document.querySelectorAll('main input[type=checkbox]').length") == 0
    refused = scene.session(scene.READER).post("messages/release", {"ids": [held]})
    assert refused.status == 403, "nor by the API behind it"
    assert scene.gateway.message(held)["state"] == "held"
