"""Somebody in front of the console: a Chromium that is asked in people's words, and that notes whatever a browser complains of.

After each step the browser's own log is read: a JavaScript error, a break of the Content-Security-Policy, or a request to a host
that is neither the console's nor the sandbox's sign-in fails the test, wherever it is."""
import base64
import json
import os
import pathlib
import shutil
import tempfile
import time
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import JavascriptException, StaleElementReferenceException
from selenium.webdriver.common.keys import Keys

import harness

RESULTS = pathlib.Path(os.environ.get("POSTERN_RESULTS", str(harness.TOP / "build" / "results")))
DEADLINE = 20
SWITCHES = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--ignore-certificate-errors", "--disable-extensions",
            "--disable-features=Translate,MediaRouter,OptimizationHints", "--window-size=1400,900", "--lang=en-GB",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"]

# Elements by the name that a person, or a screen reader, knows them by. A folded or hidden one is not there.
FIND = r"""
const [what, name, exact] = arguments;
const kinds = {
  button: 'button, input[type=submit], a.button', link: 'a[href]', field: 'input, select, textarea', heading: 'h1, h2, h3, h4',
  tab: 'nav.tabs a', any: 'button, a[href], summary, label', summary: 'summary',
};
const clean = (t) => (t ?? '').replace(/\s+/g, ' ').trim();
const nameOf = (e) => {
  const by = e.getAttribute('aria-labelledby');
  if (by) return clean(by.split(' ').map((id) => document.getElementById(id)?.textContent).join(' '));
  if (e.getAttribute('aria-label')) return clean(e.getAttribute('aria-label'));
  if (e.matches('input, select, textarea')) return clean([...(e.labels ?? [])].map((l) => (l.querySelector('span:not(.help)') && l.classList.contains('check') ? [...l.querySelectorAll(':scope > span')].map((s) => [...s.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent).join('')).join('') : l.textContent)).join(' ')).replace(/ \(needed\)$/, '');
  return clean(e.textContent).replace(/ \(done\)$/, '');
};
const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document;
const fits = (e) => { const n = nameOf(e); return exact ? n === name : n.includes(name); };
return [...top.querySelectorAll(kinds[what])].find((e) => fits(e) && e.checkVisibility({ visibilityProperty: true })) ?? null;
"""


class Chromium:
    """The browser itself. Its folder is its own, and goes with it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="pst-chromium-")
        options = webdriver.ChromeOptions()
        for switch in [*SWITCHES, f"--user-data-dir={self.folder}"]:
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options)
        self.driver.set_page_load_timeout(30)
        self.driver.set_script_timeout(60)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)


class Person:
    def __init__(self, chromium, scene):
        self.driver, self.scene = chromium.driver, scene
        self.root = scene.root
        self.hosts = {urllib.parse.urlsplit(u).netloc for u in (scene.root, scene.sign_in_root)} | {"localhost"}
        self.expected = set()
        self.complaints = []
        self.forget()

    def forget(self):
        """A browser as it comes: no cookie, nothing stored, the usual window."""
        for command in ("Network.clearBrowserCookies", "Network.clearBrowserCache", "Emulation.clearDeviceMetricsOverride"):
            self.cdp(command)
        self.cdp("Emulation.setTouchEmulationEnabled", enabled=False)
        self.cdp("Storage.clearDataForOrigin", origin=self.root, storageTypes="all")
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"},
                                                        {"name": "prefers-reduced-motion", "value": "reduce"}])
        self.slow(0)
        self.leave()

    def leave(self):
        """No page stays that would go on asking a gateway that is gone: what a browser says of that is nobody's fault."""
        first, *others = self.driver.window_handles
        for window in others:
            self.driver.switch_to.window(window)
            self.driver.close()
        self.driver.switch_to.window(first)
        if self.driver.current_url != "about:blank":
            self.driver.get("about:blank")
        self.read_logs()
        self.windows = {first}

    def end(self):
        try:
            self.check()
        finally:
            self.leave()

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    # What the browser complains of

    def read_logs(self):
        return self.driver.get_log("browser"), self.driver.get_log("performance")

    def expects(self, *statuses):
        """The answers of the server that this story is about; any other refusal is a complaint."""
        self.expected |= set(statuses)

    def check(self):
        said, traffic = self.read_logs()
        for entry in said:
            text, source = entry["message"], entry.get("source")
            is_refusal = source == "network" and any(f"status of {s} " in text for s in self.expected)
            is_away = source == "network" and 0 in self.expected and "net::ERR_" in text
            if (entry["level"] == "SEVERE" or source in ("security", "javascript")) and not is_refusal and not is_away:
                self.complaints.append(text)
        for entry in traffic:
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                url = urllib.parse.urlsplit(event["params"]["request"]["url"])
                if url.scheme in ("http", "https", "ws", "wss") and url.netloc not in self.hosts and url.hostname != "localhost":
                    self.complaints.append(f"a request to {url.netloc}: {event['params']['request']['url'][:200]}")
        complaints, self.complaints = self.complaints, []
        assert not complaints, "the browser complains:\n" + "\n".join(complaints)

    # Looking

    def until(self, condition, what, deadline=DEADLINE):
        """The first true value of condition(). What changes under the hand is looked at again."""
        end = time.monotonic() + deadline
        while True:
            try:
                value = condition()
            except (StaleElementReferenceException, JavascriptException):
                value = None
            if value:
                return value
            assert time.monotonic() < end, f"not within {deadline} s: {what}"
            time.sleep(0.03)

    def text(self):
        return self.js("return ([...document.querySelectorAll('dialog[open]')].at(-1)?.innerText ?? '') + '\\n' + document.body.innerText")

    def sees(self, *texts, deadline=DEADLINE):
        for text in texts:
            self.until(lambda: text in self.text(), f"'{text}' on {self.where()}", deadline)
        self.check()
        return self

    def sees_not(self, *texts):
        shown = self.text()
        for text in texts:
            assert text not in shown, f"'{text}' is on {self.where()}"
        return self

    def where(self):
        url = urllib.parse.urlsplit(self.driver.current_url)
        return url.path + (f"?{url.query}" if url.query else "")

    def is_at(self, path, deadline=DEADLINE):
        self.until(lambda: self.where() == path and self.is_settled(), f"at {path}, not {self.where()}", deadline)
        self.check()
        return self

    def is_settled(self):
        return self.js("return document.readyState === 'complete' && !document.querySelector('main[aria-busy]')")

    def finds(self, what, name, exact=True):
        """The element, or None: what a person would find under this name now."""
        return self.js(FIND, what, name, exact)

    def find(self, what, name, exact=True):
        return self.until(lambda: self.finds(what, name, exact), f"a {what} '{name}' on {self.where()}")

    def rows(self, caption):
        """The rows of the table of that name, as lists of texts."""
        return self.js("""const t = [...document.querySelectorAll('table')].find((t) => t.caption?.textContent.startsWith(arguments[0]));
            return t ? [...t.tBodies[0].rows].map((r) => [...r.cells].map((c) => c.innerText.trim())) : null""", caption)

    def value(self, label):
        return self.find("field", label).get_property("value")

    def shown_secret(self):
        """What the open dialog shows once."""
        return self.until(lambda: self.js("return document.querySelector('dialog[open] .copyable code')?.textContent"), "a secret")

    # Windows

    def new_window(self):
        """One more, to be in from now on; the one before."""
        before = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        self.windows.add(self.driver.current_window_handle)
        return before

    def opened_window(self):
        """Into the one that a page has opened; the one before."""
        before = self.driver.current_window_handle
        self.driver.switch_to.window(self.until(lambda: set(self.driver.window_handles) - self.windows, "a window that opens").pop())
        return before

    def back_to(self, window):
        self.check()
        self.windows.discard(self.driver.current_window_handle)
        self.driver.close()
        self.driver.switch_to.window(window)

    # Doing

    def visit(self, path):
        """As by a link on the page that is open: the console is not loaded anew."""
        self.js("const a = document.createElement('a'); a.href = arguments[0]; document.body.append(a); a.click(); a.remove()", path)
        self.until(self.is_settled, f"{path} is drawn")
        self.check()
        return self

    def go(self, path):
        self.driver.get(self.root + path if path.startswith("/") else path)
        self.until(self.is_settled, f"{path} is drawn")
        self.check()
        return self

    def _touch(self, what, name, exact, doing):
        def tried():
            element = self.finds(what, name, exact)
            if element is None or element.get_attribute("aria-disabled") == "true":
                return None
            doing(element)
            return True
        self.until(tried, f"a {what} '{name}' to use on {self.where()}; there is:\n{self.text()[-1500:]}")
        self.check()
        return self

    def press(self, name, what="button", exact=True):
        def click(element):
            self.js("arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })", element)
            element.click()
        return self._touch(what, name, exact, click)

    def press_in(self, place, name):
        """One of several of that name: the one inside of the place, an XPath."""
        place += f"//*[self::button or self::a][normalize-space()='{name}']"
        self.until(lambda: self.driver.find_elements("xpath", place), f"a '{name}' in {place}")[0].click()
        self.check()
        return self

    def follow(self, name, exact=True):
        return self.press(name, "link", exact)

    def unfold(self, name):
        def open_it(element):
            if not self.js("return arguments[0].parentNode.open", element):
                element.click()
        return self._touch("summary", name, False, open_it)

    def fill(self, label, value, exact=True):
        def write(element):
            if element.tag_name == "select":
                chosen = self.js("""const o = [...arguments[0].options].find((o) => o.text === arguments[1] || o.value === arguments[1]);
                    if (!o) return false; arguments[0].value = o.value; arguments[0].dispatchEvent(new Event('change', { bubbles: true })); return true""",
                                 element, value)
                assert chosen, f"no choice '{value}' in {label}"
                return
            kind = element.get_attribute("type")
            if kind in ("date", "datetime-local"):  # what keys mean there is the locale's matter
                self.js("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', { bubbles: true }))", element, value)
                return
            element.send_keys(Keys.CONTROL, "a")
            element.send_keys(value or Keys.BACKSPACE)
        return self._touch("field", label, exact, write)

    def fill_keys(self, values):
        """By the fields' names for programs, where labels repeat themselves and there are many: all of them pasted in one go."""
        missing = self.js("""const lacks = [];
            for (const [key, value] of arguments[0]) {
              const field = document.querySelector(`[name='${key}']`);
              if (!field) { lacks.push(key); continue; }
              field.value = value;
              for (const event of ['input', 'change']) field.dispatchEvent(new Event(event, { bubbles: true }));
            }
            return lacks""", [[key, str(value)] for key, value in values])
        assert not missing, f"no fields {missing} on {self.where()}"
        return self

    def choose(self, label, is_on=True, exact=False):
        def tick(element):
            if element.is_selected() != is_on:
                element.click()
        return self._touch("field", label, exact, tick)

    def keys(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)
        return self

    def tab(self):
        for kind in ("rawKeyDown", "keyUp"):
            self.cdp("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        return self

    def has_focus(self, element):
        return self.js("return document.activeElement === arguments[0]", element)

    def tab_to(self, what, name, exact=True, most=80):
        """By the Tab key alone, from where the focus is; and where it is can be seen."""
        element = self.find(what, name, exact)
        for _ in range(most):
            if self.has_focus(element):
                self.sees_focus()
                return self
            self.tab()
        raise AssertionError(f"Tab does not lead to the {what} '{name}' on {self.where()}")

    def sees_focus(self):
        """A line of two pixels or more around what has it, inside the window."""
        said = self.js("""const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
            if (e === document.body) return 'nothing has the focus';
            if (s.outlineStyle === 'none' || parseFloat(s.outlineWidth) < 2) return `no line around ${e.outerHTML.slice(0, 120)}`;
            return b.bottom > 0 && b.top < innerHeight ? null : `it is out of sight: ${e.outerHTML.slice(0, 120)}`""")
        assert said is None, f"{said} on {self.where()}"
        return self

    # Who it is

    def is_signed_in_as(self, name):
        pair = self.scene.session(name).cookie.split("=", 1)
        self.cdp("Network.setCookie", name=pair[0], value=pair[1], url=self.root, httpOnly=True, sameSite="Strict")
        return self

    def signs_in(self, name, password):
        self.fill("Name", name).fill("Password", password).press("Sign in")
        return self

    def slow(self, ms):
        """A line on which each answer takes so long, until the story is over."""
        self.cdp("Network.emulateNetworkConditions", offline=False, latency=ms, downloadThroughput=-1, uploadThroughput=-1)
        return self

    # With a finger

    def phone(self, width=360, height=740):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True)
        self.cdp("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=1)
        return self

    def tap(self, name, what="any", exact=True):
        def touch(element):
            x, y = self.js("""arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' });
                const b = arguments[0].getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]""", element)
            self.cdp("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
            self.cdp("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        return self._touch(what, name, exact, touch)

    def hard_to_hit(self):
        """What is too small for a finger (WCAG 2.5.8); a link in the middle of a text may be."""
        return self.js("""return [...document.querySelectorAll('button, a.button, select, input, summary, nav a')].filter((e) => {
              const b = (e.closest('label') ?? e).getBoundingClientRect();
              return e.checkVisibility() && b.width > 0 && (b.width < 24 || b.height < 24);
            }).map((e) => e.outerHTML.slice(0, 120))""")

    # Pictures

    def window(self, width, height=900):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        return self

    def theme(self, name):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name},
                                                        {"name": "prefers-reduced-motion", "value": "reduce"}])
        return self

    def picture(self, name):
        """The whole page, down to what nobody scrolls to."""
        folder = RESULTS / "screens"
        folder.mkdir(parents=True, exist_ok=True)
        width, height = self.js("return [innerWidth, Math.max(innerHeight, Math.min(2400, document.documentElement.scrollHeight))]")
        got = self.cdp("Page.captureScreenshot", format="jpeg", quality=85, captureBeyondViewport=True, optimizeForSpeed=True,
                       clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        (folder / f"{name}.jpg").write_bytes(base64.b64decode(got["data"]))

    def too_wide(self):
        """By how many pixels the page is wider than its window, and what sticks out; or what sticks out of its own box."""
        return self.js("""const root = document.documentElement, wide = root.clientWidth;
            const tell = (list) => list.slice(-3).map((e) => e.outerHTML.slice(0, 120)).join(' | ');
            if (root.scrollWidth > wide) {
              const out = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > wide + 0.5 && e.checkVisibility());
              return `${root.scrollWidth - wide} px: ${tell(out)}`;
            }
            const boxes = document.querySelectorAll('main :is(p, li, dd, dt, td, th, h1, h2, h3, h4, label, legend, button, blockquote, summary, article, div)');
            const out = [...boxes].filter((e) => e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === 'visible' && e.checkVisibility());
            return out.length ? `out of its box: ${tell(out)}` : null""")

    def describe(self, name):
        try:
            self.picture(name)
            return f"{self.driver.current_url}\n{self.text()[-3000:]}"
        except Exception as fault:  # noqa: BLE001  (the test has failed already: this must not hide why)
            return f"no picture: {fault}"
