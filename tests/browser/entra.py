"""The provider's side of a sign-in, in the window that the console opened for it."""
import urllib.parse


def answers(person, user=None, answer="Accept"):
    """Says who it is and presses a button; who was chosen already."""
    person.until(lambda: person.finds("button", answer), "Entra's page")
    chosen = person.js("return document.querySelector('input[type=radio]:checked')?.value")
    if user:
        person.driver.find_element("css selector", f"input[type=radio][value='{user}']").click()
    person.press(answer)
    return chosen


def signs_in_at_entra(person, user=None, answer="Accept"):
    """Where the way back is the console's own. Who was chosen already, and what the console said in that window."""
    console = person.opened_window()
    chosen = answers(person, user, answer)
    port = urllib.parse.urlsplit(person.root).port
    person.until(lambda: urllib.parse.urlsplit(person.driver.current_url).port == port and person.is_settled(), "back at Postern")
    said = person.text()
    person.back_to(console)
    return chosen, said


def ends_elsewhere(person, user=None):
    """Where the way back is a page that does not open: its address."""
    console = person.opened_window()
    answers(person, user)
    ended = person.until(lambda: "code=" in person.driver.current_url and person.driver.current_url, "the way back")
    person.back_to(console)
    return ended
