"""A person with a real browser: signs a mailbox in through the sandbox's pages, back to Postern's own listener."""
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from harness import Tenant, letter
from test_oauth import Authorize

SWITCHES = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--ignore-certificate-errors", "--window-size=800,900"]


@pytest.fixture
def browser(world):
    options = webdriver.ChromeOptions()
    for switch in [*SWITCHES, f"--user-data-dir={world.dir}/chromium"]:
        options.add_argument(switch)
    driver = webdriver.Chrome(options=options)
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


def press(browser, label):
    button = next(b for b in browser.find_elements(By.TAG_NAME, "button") if b.text == label)
    before = browser.current_url
    button.click()
    WebDriverWait(browser, 30).until(lambda b: b.current_url != before)


def test_a_person_signs_in(world, browser):
    tenant = Tenant(world, grant="code")
    waiting = Authorize(tenant, "--localhost")
    browser.get(waiting.url)
    chosen = browser.find_element(By.CSS_SELECTOR, "input[type=radio]:checked")
    assert chosen.get_attribute("value") == tenant.MAILBOX, "login_hint has chosen already"
    press(browser, "Accept")
    assert browser.current_url.startswith("http://localhost:") and "Postern" in browser.title
    code, said = waiting.end()
    assert code == 0, said
    tenant.gateway.wait_state(tenant.submit(letter()), "delivered")


def test_a_person_declines(world, browser):
    tenant = Tenant(world, grant="code")
    waiting = Authorize(tenant, "--localhost")
    browser.get(waiting.url)
    press(browser, "Cancel")
    code, said = waiting.end()
    assert code == 1 and "access_denied" in said
    assert "denied" in browser.page_source or "declined" in browser.page_source, "the page says it too"


@pytest.mark.parametrize("width", [1280, 800, 360])
def test_the_overview_fits_its_window(sandbox, browser, width):
    browser.set_window_size(width, 900)
    browser.get(sandbox.info["web"])
    assert browser.title == "Postern sandbox"
    wide = browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} px too wide"
    assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]]
