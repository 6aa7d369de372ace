"""The console: what it weighs, how long its pages take in a real browser, how it does with a long list, and what its role needs.

The browser is Debian's Chromium, without a window; "ready" is when the page's heading stands and nothing is loading any more."""
import gzip
import http.client
import json
import pathlib
import re
import shutil
import statistics
import tempfile
import time

from servers import Postern, free_port, until

UI = pathlib.Path(__file__).resolve().parents[2] / "src/admin/ui"
NAME, PASSWORD = "bench", "wooden-horses-in-a-row"
MANY, SMALL = 10000, 4096
SWITCHES = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--disable-extensions", "--window-size=1400,900"]
READY = """
const [from, done] = arguments;
const look = () => (document.querySelector('main h1') && !document.querySelector('main[aria-busy]') ? requestAnimationFrame(() => done(performance.now() - from)) : setTimeout(look, 1));
look();
"""


class Gateway(Postern):
    """The relay of the other parts, with its console open."""

    def __init__(self, folder, sink_port):
        self.console = free_port()
        self.CONFIG = Postern.CONFIG.replace("address: none", f'address: "127.0.0.1:{self.console}"')
        super().__init__(folder, sink_port)
        self.cookie = None
        self._sign_in()

    def _sign_in(self):
        log = self.dir / "log"
        until(lambda: "/setup#" in log.read_text(), "the setup link")
        token = re.search(r"/setup#(\S+)", log.read_text()).group(1)
        status, headers, body = self.ask("POST", "/api/v1/setup", {"token": token, "name": NAME, "password": PASSWORD})
        if status != 201:
            raise SystemExit(f"bench: the setup was refused: {body[:300]}")
        self.cookie = headers["Set-Cookie"].split(";")[0]

    def ask(self, method, path, body=None, **headers):
        c = http.client.HTTPConnection("127.0.0.1", self.console, timeout=60)
        if body is not None:
            headers["Content-Type"], body = "application/json", json.dumps(body)
        if self.cookie:
            headers["Cookie"] = self.cookie
        c.request(method, path, body, headers)
        answer = c.getresponse()
        data = answer.read()
        c.close()
        return answer.status, answer.headers, data

    def get(self, path):
        """What it answers and how many milliseconds that took, with a connection of its own."""
        start = time.perf_counter()
        status, _, data = self.ask("GET", path)
        took = (time.perf_counter() - start) * 1000
        if status != 200:
            raise SystemExit(f"bench: GET {path} was answered {status}: {data[:300]}")
        return json.loads(data), took

    def admin_pss_mb(self):
        role = next(r for r in json.loads(self.run("status", "--json").stdout)["roles"] if r["role"] == "admin")
        text = pathlib.Path(f"/proc/{role['pid']}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1)) / 1024


class Chromium:
    def __init__(self, gateway):
        from selenium import webdriver
        self.folder = tempfile.mkdtemp(prefix="pst-chromium-")
        options = webdriver.ChromeOptions()
        for switch in [*SWITCHES, f"--user-data-dir={self.folder}"]:
            options.add_argument(switch)
        self.driver = webdriver.Chrome(options=options)
        self.root = f"http://127.0.0.1:{gateway.console}"
        name, value = gateway.cookie.split("=", 1)
        self.driver.execute_cdp_cmd("Network.setCookie", {"name": name, "value": value, "url": self.root, "httpOnly": True})

    def ready_ms(self, path, is_cold):
        """From the address entered to the page, with nothing kept from before if `is_cold`."""
        if is_cold:
            self.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        self.driver.get("about:blank")
        self.driver.get(self.root + path)
        return self.driver.execute_async_script(READY, 0)

    def was_sent(self):
        """How many files and answers the page took until now, and how many octets with their headers."""
        return self.driver.execute_script("const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];"
                                          "return [all.length, all.reduce((sum, e) => sum + e.transferSize, 0)]")

    def moved_ms(self, link):
        """From a click in the menu to the other page."""
        return self.driver.execute_async_script("const [link, done] = arguments; const from = performance.now(); const before = document.querySelector('main h1');"
                                                "document.querySelector(`nav a[href='${link}']`).click();"
                                                "const look = () => { const h = document.querySelector('main h1'); h && h !== before && !document.querySelector('main[aria-busy]') ? requestAnimationFrame(() => done(performance.now() - from)) : setTimeout(look, 1); }; look();", link)

    def typed_ms(self, text):
        """From the last key in the search field to the list that fits, the pause after typing included."""
        return self.driver.execute_async_script("const [text, done] = arguments; const from = performance.now(); const box = document.getElementById('f-q');"
                                                "const body = document.querySelector('main tbody'); const seen = new MutationObserver(() => { seen.disconnect(); requestAnimationFrame(() => done(performance.now() - from)); });"
                                                "seen.observe(body, { childList: true }); box.value = text; box.dispatchEvent(new Event('input', { bubbles: true }));", text)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)


def weight(gateway):
    """Of everything that a browser could ever be sent, packed as it asks for it and plain."""
    plain = packed = count = 0
    for file in sorted(p for p in UI.rglob("*") if p.is_file()):
        path = f"/ui/{file.relative_to(UI)}"
        status, headers, data = gateway.ask("GET", path, **{"Accept-Encoding": "gzip"})
        if status != 200:
            raise SystemExit(f"bench: GET {path} was answered {status}")
        packed += len(data)
        plain += len(gzip.decompress(data) if headers.get("Content-Encoding") == "gzip" else data)
        count += 1
    return plain / 1000, packed / 1000, count


def fill(gateway, load, count):
    """Mail in the list, taken by SMTP and delivered."""
    before, have = load.delivered(), 0
    while have < count:
        report, _ = load.send(gateway.port, 50, SMALL, 500)
        have += report["accepted"]
    until(lambda: load.delivered() - before >= have, "the last message arrives", 300)
    return have


def long_list(gateway, browser, times, found):
    first = [gateway.get("/api/v1/messages?limit=50") for _ in range(times)]
    if len(first[0][0]["items"]) != 50:
        raise SystemExit("bench: the list is short")
    found["first"] = statistics.median(ms for _, ms in first)
    cursor, pages = first[0][0]["next"], []
    while cursor:
        answer, ms = gateway.get(f"/api/v1/messages?limit=100&cursor={cursor}")
        pages.append(ms)
        cursor = answer["next"]
    found["pages"], found["page"], found["slowest"] = len(pages), statistics.median(pages), max(pages)
    found["none"] = statistics.median(gateway.get("/api/v1/messages?q=nobody-has-this")[1] for _ in range(times))
    found["list"] = statistics.median(browser.ready_ms("/messages", False) for _ in range(times))
    found["typed"] = browser.typed_ms("nobody-has-this")


def run(folder, load, quick):
    """Returns what prints the closing lines."""
    times = 3 if quick else 9
    gateway = Gateway(folder, load.port)
    found = {"rest": gateway.admin_pss_mb()}
    browser = None
    try:
        found["plain"], found["packed"], found["files"] = weight(gateway)
        browser = Chromium(gateway)
        browser.ready_ms("/", True)  # the browser's own first time
        print("  console: pages in Chromium", flush=True)
        found["cold"] = statistics.median(browser.ready_ms("/", True) for _ in range(times))
        found["asked"], found["sent"] = browser.was_sent()
        found["warm"] = statistics.median(browser.ready_ms("/", False) for _ in range(times))
        found["moved"] = statistics.median(browser.moved_ms("/messages" if n % 2 == 0 else "/inbound") for n in range(2 * times))
        count = fill(gateway, load, MANY)
        print(f"  console: a list of {count:,} messages", flush=True)
        long_list(gateway, browser, times, found)
        found["used"] = gateway.admin_pss_mb()
    finally:
        if browser:
            browser.close()
        gateway.stop()
    return lambda: report(found, count)


def report(found, count):
    print(f"\nthe console: {found['files']} files, {found['plain']:.0f} kB, packed {found['packed']:.0f} kB")
    print(f"the first page takes {found['asked']} files and answers, {found['sent'] / 1000:.0f} kB as sent")
    print(f"first page ready {found['cold']:.0f} ms with nothing kept, {found['warm']:.0f} ms once it is; another page {found['moved']:.0f} ms")
    print(f"{count:,} messages: the first 50 in {found['first']:.1f} ms, the other {found['pages']} pages of 100 in {found['page']:.1f} ms each, the slowest "
          f"{found['slowest']:.1f} ms; a search that finds nothing {found['none']:.1f} ms")
    print(f"{count:,} messages in Chromium: the list {found['list']:.0f} ms, a search that finds nothing {found['typed']:.0f} ms after the last key")
    print(f"admin role MB {found['rest']:.1f} at rest, {found['used']:.1f} afterwards (PSS)")
    print(f"console kB {found['plain']:.0f}")
    print(f"console sent kB {found['packed']:.0f}")
    print(f"console ready ms {found['cold']:.0f}")
