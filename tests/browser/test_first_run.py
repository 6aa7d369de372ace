"""From a Postern that was just installed to the first delivered mail, in a browser alone."""
import smtplib

import pytest
import yaml

import harness
from entra import signs_in_at_entra
from scene import Scene

NAME, PASSWORD = "anna", "a-bridge-of-7-planks"


@pytest.fixture
def world():
    w = harness.World()
    yield w
    w.close()


@pytest.fixture
def scene(world):
    """As installed, but for its clock and ports: nobody may come in yet, nothing is known."""
    return Scene(world, is_new=True)


def flat(values, prefix=""):
    for key, value in values.items():
        key = prefix + key.replace("-", "_")
        yield from flat(value, key + ".") if isinstance(value, dict) else [(key, value)]


def set_up(person, scene):
    """The link that the daemon printed makes the administrator."""
    link = scene.setup_link()
    person.go(link).sees("You make yourself the administrator")
    assert "#" not in person.driver.current_url, "the token is out of the address bar"
    person.fill("Your name", NAME).fill("Password", PASSWORD).fill("The same password again", PASSWORD).press("Go on").is_at("/mailboxes/new")
    return link


def add_provider(person, scene):
    """The sandbox is not Microsoft: its addresses are entered as those of a provider of one's own."""
    person.go("/settings/providers").follow("Add a provider")
    person.until(lambda: person.finds("button", "Add"), "the form")
    person.js("document.querySelectorAll('main details').forEach((d) => { d.open = true; })")
    person.fill_keys(flat(yaml.safe_load((scene.sandbox.dir / "provider.yaml").read_text())))
    person.press("Add").is_at("/settings/providers").sees("sandbox")


def test_from_nothing_to_the_first_delivered_mail(stranger, scene):
    person = stranger
    link = set_up(person, scene)
    assert person.finds("field", "In this browser", exact=False) is None
    add_provider(person, scene)

    person.go("/").sees("Connect the first mailbox").follow("Begin").is_at("/mailboxes/new")
    person.fill("Mail service", "sandbox").choose("A person signs in", exact=True).press("Go on").sees("What you copied goes in here.")
    redirects = person.js("return [...document.querySelectorAll('[aria-label=\"redirect URI\"]')].map((e) => e.textContent)")
    assert f"http://localhost:{scene.port}/authorize/callback" in redirects, redirects
    web = next(r for r in scene.sandbox.info["registrations"] if r["name"] == "web")
    person.fill("Directory (tenant) ID", web["tenant"], exact=False).fill("Application (client) ID", web["client_id"], exact=False)
    person.fill("Client secret", web["secret"]).press("Keep it and go on")
    person.fill("Address", scene.MAILBOX).press("Add it and go on").sees(f"Sign in as {scene.MAILBOX}").choose("In this browser")
    person.press("Authorize").press("Open the sign-in page")
    chosen, said = signs_in_at_entra(person)
    assert chosen == scene.MAILBOX, "the hint has chosen already"
    assert "signed in" in said.lower(), said
    person.sees(f"{scene.MAILBOX} is signed in as {scene.MAILBOX}.").press("Go on to the test")

    person.fill("Test address", "alice@contoso.example").press("Test")
    person.until(lambda: person.text().count("All of it works.") == 3, "SMTP, IMAP and POP3 work", 60)
    person.sees("Message accepted", "Secure connection and certificate", "Token").press("Go on")

    person.fill("Name", "webshop").press("Add it").sees("Copy it now")
    password = person.js("return document.querySelector('[aria-label=password] code').textContent")
    facts = person.js("return Object.fromEntries([...document.querySelectorAll('dl.facts > div')].map((d) => [d.querySelector('dt').textContent, d.querySelector('dd code')?.textContent ?? d.querySelector('dd').textContent]))")
    assert facts["User name"] == "webshop" and facts["Password"] == password and facts["Sender"] == scene.MAILBOX
    with smtplib.SMTP(facts["SMTP server"], int(facts["Port"]), "client.test") as client:
        client.login(facts["User name"], password)
        client.sendmail(facts["Sender"], ["alice@contoso.example"], harness.letter("The first order"))

    person.press("Done").is_at("/").sees(scene.MAILBOX).follow("Messages").follow("The first order").sees("delivered", "Finished: ")
    assert any(b"The first order" in scene.sandbox.raw(m) for m in scene.sandbox.messages())
    person.driver.back()
    person.go("/mailboxes/new?step=app&mailbox=shop@contoso.example&app=webshop").sees("Enter this in the program")
    assert password not in person.js("return document.documentElement.outerHTML"), "shown once"

    person.expects(401, 403, 410, 422)
    person.press("Sign out").is_at("/sign-in").go(link).fill("Your name", "eve").fill("Password", PASSWORD + "x").fill("The same password again", PASSWORD + "x")
    person.press("Go on")
    person.until(lambda: person.js("return document.querySelector('[role=alert] .problem, .error:not([hidden])')?.innerText"), "the link works once")
    assert person.where() == "/setup"
