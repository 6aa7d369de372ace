"""Coming in and going out: passwords, sessions that end, operators who only look."""
import concurrent.futures

from scene import PASSWORDS


def test_signing_in_leads_back_to_where_one_was_going(stranger, scene):
    stranger.go("/messages?state=held").is_at("/sign-in?back=%2Fmessages%3Fstate%3Dheld")
    stranger.signs_in(scene.ADMINISTRATOR, PASSWORDS[scene.ADMINISTRATOR]).is_at("/messages?state=held")
    assert stranger.driver.title == "Messages · Postern"
    stranger.press("Sign out").is_at("/sign-in")
    stranger.go("/").is_at("/sign-in?back=%2F")


def test_a_wrong_password_and_an_unknown_name_hear_the_same(stranger, scene):
    stranger.expects(401)
    said = []
    for name, password in ((scene.ADMINISTRATOR, "not-hers-at-all"), ("nobody-here", "not-hers-at-all")):
        stranger.go("/sign-in").signs_in(name, password)
        said.append(stranger.until(lambda: stranger.js("return document.querySelector('[role=alert]:not([hidden])')?.innerText"), "a refusal"))
        assert stranger.where() == "/sign-in"
    assert said[0] == said[1] and "password" in said[0].lower()
    assert stranger.js("return document.activeElement.id") == "password", "to be typed again"


def test_many_wrong_passwords_have_to_wait(stranger, scene):
    stranger.expects(429)
    with concurrent.futures.ThreadPoolExecutor(30) as many:
        tries = [many.submit(lambda n=n: scene.gateway.console().sign_in("somebody", f"guess number {n}").status) for n in range(30)]
        while not all(t.done() for t in tries):  # each wrong one is answered later than the one before
            scene.world.clock.advance(1)
            concurrent.futures.wait(tries, 0.5)
    assert {t.result() for t in tries} <= {401, 429, 503}  # 503: the vault's line was too long for this machine
    stranger.go("/sign-in").signs_in("somebody", "guess-after-guess").sees("Too many tries. Try again in ")


def test_a_page_of_elsewhere_is_not_gone_to(stranger, scene):
    """A link to the sign-in may not lead away from it."""
    stranger.go("/sign-in?back=//evil.example/").signs_in(scene.ADMINISTRATOR, PASSWORDS[scene.ADMINISTRATOR]).is_at("/")


def test_a_session_that_ended_loses_nothing_typed(person, scene):
    """The other administrator's change ends the session in the middle of a form: the password again, and it goes on."""
    person.expects(401)
    person.go("/settings/keys/+").fill("Name", "nightly")
    other = scene.session(scene.ADMINISTRATOR)
    assert other.delete("session").status == 204  # the same session as the browser's
    scene.renew(scene.ADMINISTRATOR)
    person.press("Make a key").sees("Your session has ended", "Sign in as anna")
    person.fill("Password", "wrong-at-first-try").press("Sign in")
    person.until(lambda: person.js("return document.querySelector('dialog [role=alert]:not([hidden])')?.innerText"), "the refusal")
    person.fill("Password", PASSWORDS["anna"]).press("Sign in")
    key = person.shown_secret()
    assert key.startswith("postern.nightly.")
    person.press("I have copied it").is_at("/settings/keys").sees("nightly")


def test_who_is_switched_off_is_out_at_once(reader, scene):
    reader.expects(401)
    reader.go("/mailboxes").sees("Mailboxes")
    admin = scene.session(scene.ADMINISTRATOR)
    off = admin.patch("operators/rolf", {"is_disabled": True})
    assert off.status == 200, off
    reader.follow("Messages").is_at("/sign-in?back=%2Fmessages")
    reader.signs_in("rolf", PASSWORDS["rolf"])
    reader.until(lambda: reader.js("return document.querySelector('[role=alert]:not([hidden])')?.innerText"), "a refusal")
    assert admin.patch("operators/rolf", {"is_disabled": False}).status == 200
    scene.sessions.pop("rolf", None)


def test_a_part_that_restarts_loses_nothing_asked_or_typed(person, scene):
    """The page says it, and catches up by itself; a form is sent again as it stands."""
    person.expects(503)
    scene.connect()
    for subject in ("an order", "an invoice"):
        scene.gateway.wait_state(scene.submit(subject), "delivered")
    person.go("/messages").sees("an invoice")
    with scene.without("queue"):
        person.fill("Search, or an id and Enter", "order").sees("A part of Postern is restarting. This page tries again by itself.")
    person.until(lambda: [row[1].split("\n")[0] for row in person.rows("Messages") or []] == ["an order"], "what was asked for meanwhile")
    assert not person.js("const b = document.querySelector('.banner'); return b.checkVisibility()")
    person.visit("/settings/keys/+").fill("Name", "nightly-2")
    with scene.without("queue"):
        person.press("Make a key").sees("This part of Postern is restarting")
    person.press("Make a key").shown_secret()
    person.press("I have copied it").is_at("/settings/keys").sees("nightly-2")


def test_postern_away_is_said_and_over_by_itself(person, scene):
    person.expects(0, 503)
    person.go("/messages?q=nothing").sees("No message fits.")
    scene.gateway.stop()
    person.follow("Apps").sees("Postern does not answer")
    scene.gateway.start()
    person.expects(401)  # sessions are in memory: a restart ends them
    scene.sessions.clear()
    person.until(lambda: person.finds("button", "Sign in"), "the sign-in, by itself", 30)


def test_a_console_that_was_replaced_comes_anew(person):
    """A file of another version is not there any more: the whole page is loaded, once, whichever file it was."""
    person.expects(0)
    for start, name, file in (("/apps", "Doctor", "doctor.js"), ("/settings/configuration", "Audit", "settings_change.js")):
        person.go(start).js("window.isOld = true")
        person.cdp("Network.setBlockedURLs", urls=[f"*/pages/{file}"])
        person.follow(name).sees("This page did not come")
        assert not person.js("return window.isOld")
        person.cdp("Network.setBlockedURLs", urls=[])
        person.press("Try again")
        person.until(lambda: person.finds("heading", name) and "did not come" not in person.text(), f"{name} came")
        person.check()
