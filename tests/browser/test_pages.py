"""Every page at three widths in light, at the narrow and the wide one in dark: nothing sticks out, nothing keeps somebody out; the pictures are kept."""
import hashlib
import os
import pathlib

import pytest

import harness
from person import Person
from scene import Receiver, Scene

WIDTHS, THEMES = (360, 800, 1400), ("light", "dark")
SAVED = harness.TOP / "build" / "axe-core" / "package" / "axe.min.js"
PAGES = {
    "overview": "/", "mailboxes": "/mailboxes", "mailbox": "/mailboxes/{mailbox}", "mailbox-dead": "/mailboxes/{dead}", "wizard": "/mailboxes/new",
    "apps": "/apps", "app": "/apps/erp", "app-new": "/apps/+",
    "messages": "/messages", "messages-found": "/messages?q=order", "message-delivered": "/messages/{delivered}", "message-held": "/messages/{held}",
    "message-bounced": "/messages/{bounced}",
    "inbound": "/inbound", "inbound-item": "/inbound/{parked}", "endpoint": "/endpoints/hook", "endpoint-new": "/inbound/new",
    "doctor": "/doctor", "guides": "/guides", "guide": "/guides/entra",
    "operators": "/settings/operators", "operator": "/settings/operators/rolf", "operator-new": "/settings/operators/+",
    "keys": "/settings/keys", "key": "/settings/keys/reporting", "registrations": "/settings/registrations",
    "registration": "/settings/registrations/m365", "registration-new": "/settings/registrations/+", "providers": "/settings/providers",
    "provider": "/settings/providers/sandbox", "configuration": "/settings/configuration", "audit": "/settings/audit", "apply": "/settings/apply",
    "nowhere": "/no/such/page",
}
BARE = {"sign-in": "/sign-in", "setup": "/setup", "setup-welcome": "/setup#a-token-of-old"}


@pytest.fixture(scope="module")
def scene(world):
    s = Scene(world)
    s.furnish(Receiver())
    yield s
    s.receiver.close()


@pytest.fixture(scope="module")
def axe():
    """The text of axe-core, as `./dev test` fetches it; without it None, and the finding is a skipped test."""
    return SAVED.read_text() if SAVED.exists() else None


@pytest.mark.skipif(not SAVED.exists(), reason="axe-core could not be fetched (no network?): the pages were not checked for accessibility")
def test_axe_core_is_there(axe):
    assert "axe.run" in axe


RUN = """
const [rules, done] = arguments;
axe.run(document, { preload: false, resultTypes: ['violations'], ...(rules && { runOnly: { type: 'rule', values: rules } }) }).then(
  (r) => done(r.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).flatMap((v) => v.nodes.slice(0, 4).map((n) => `${v.impact} ${v.id}: ${n.html.slice(0, 160)} -- ${n.failureSummary.replace(/\\s+/g, ' ').slice(0, 200)}`))),
  (e) => done([String(e)]));
"""


def barriers(person, axe, theme):
    """What axe-core finds serious or critical. Of the dark theme only the colours: the rest is the light one's."""
    if not axe:
        return []
    if not person.js("return Boolean(window.axe)"):
        person.js(axe)
    found = person.driver.execute_async_script(RUN, None if theme == "light" else ["color-contrast", "link-in-text-block"])
    person.read_logs()  # what axe-core tries is not the page's doing
    return [f"{theme}: {f}" for f in found]


def looked_at(person, name, axe):
    person.until(lambda: person.js("return document.querySelector('main h1') !== null"), "a heading")
    person.check()
    faults = []
    for theme in THEMES:
        person.theme(theme)
        for width in WIDTHS if theme == "light" else (WIDTHS[0], WIDTHS[-1]):  # the dark theme changes colours only
            person.window(width)
            wide = person.too_wide()
            if wide:
                faults.append(f"{width}, {theme}: {wide}")
            person.picture(f"{name}-{width}-{theme}")
        faults += barriers(person, axe, theme)
    assert not faults, f"{name}:\n" + "\n".join(faults)


@pytest.fixture(scope="module")
def walker(chromium, scene):
    """The administrator on a walk through all pages, by links: nothing but the first is loaded from the address bar."""
    p = Person(chromium, scene)
    p.is_signed_in_as(scene.ADMINISTRATOR).go("/")
    yield p
    p.end()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_keeps_nobody_out(walker, scene, axe, name):
    walker.theme("light").window(WIDTHS[-1]).visit(PAGES[name].format(**scene.facts))
    looked_at(walker, name, axe)


@pytest.mark.parametrize("name", BARE)
def test_the_way_in_fits_and_keeps_nobody_out(stranger, axe, name):
    looked_at(stranger.window(WIDTHS[-1]).go(BARE[name]), name, axe)
