"""The console's first page as a program sees it: what needs a person, a day of each mailbox, and what will end."""
import os
import signal
from datetime import datetime, timedelta, timezone

from harness import Tenant, letter, until

BOX = Tenant.MAILBOX


def overview(gateway):
    answer = gateway.local().get("overview")
    assert answer.status == 200, answer
    return answer.json


def box(o, address=BOX):
    return next(m for m in o["mailboxes"] if m["address"] == address)


def total(m, what):
    return sum(h[what] for h in m["hours"])


def test_a_day_is_counted_and_outlives_a_restart(tenant):
    g = tenant.gateway
    sent = [tenant.submit(letter(f"n{i}")) for i in range(3)]
    for m in sent:
        g.wait_state(m, "delivered")
    o = overview(g)
    m = box(o)
    assert o["away"] == [] and o["needs_person"] == [] and o["queue"]["is_open"] is True
    assert m["state"] == "ok" and m["queued"] == 0 and m["oldest"] is None
    assert len(m["hours"]) == 24 and total(m, "accepted") == total(m, "delivered") == 3 and total(m, "failed") == 0
    assert m["recipients_today"] == 3 and m["rate"]["used"] == 3
    assert {r["role"] for r in o["roles"]} >= {"queue", "vault", "admin"}
    g.stop()
    g.start()
    m = box(overview(g))
    assert total(m, "accepted") == total(m, "delivered") == 3


def test_what_waits_and_what_fails_is_seen(tenant):
    g = tenant.gateway
    tenant.sandbox.set("smtp.inject", "rcpt=550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found")
    failed = tenant.submit(letter("no such"))
    g.wait_state(failed, "bounced")
    tenant.sandbox.set("smtp.inject", "off")
    g.prepare("mailbox", "pause", BOX)
    tenant.submit(letter("waits"))
    o = overview(g)
    m = box(o)
    assert total(m, "failed") == 1 and m["state"] == "paused" and m["queued"] >= 1 and m["oldest"]


def test_what_will_end_is_said_in_time(tenant):
    g = tenant.gateway
    soon = (datetime.now(timezone.utc) + timedelta(days=10)).strftime("%Y-%m-%d")
    g.prepare("registration", "set", "m365", "--secret-expires", soon)
    o = overview(g)
    end = next(e for e in box(o)["ends"] if e["what"] == "secret")
    assert end["at"].startswith(soon) and end["days"] == 10
    need = next(n for n in o["needs_person"] if n["kind"] == "registration")
    assert need["key"] == "m365" and need["severity"] == "warning" and soon in need["title"]
    assert need["link"] == "/settings/registrations/m365"
    g.prepare("registration", "set", "m365", "--secret-expires", "2020-01-01")
    need = next(n for n in overview(g)["needs_person"] if n["kind"] == "registration")
    assert need["severity"] == "error" and "ended" in need["title"]


def test_a_webhook_without_a_key_needs_a_person_before_mail_comes(tenant):
    g = tenant.gateway

    def of(name):
        return next(e["needs_person"] for e in overview(g)["endpoints"] if e["name"] == name), \
            [(n["severity"], n["finding"], n["link"]) for n in overview(g)["needs_person"] if n["key"] == name]
    g.asked("PUT", "endpoints/Hook", {"mailbox": BOX, "kind": "webhook", "webhook": {"url": "http://127.0.0.1:9/"}})
    until(lambda: of("Hook") == (True, [("warning", "endpoint.no-key", "/endpoints/Hook")]), "a key is missed")
    assert g.asked("GET", "endpoints/Hook")["has_key"] is False
    g.asked("POST", "endpoints/hook/pause")
    assert of("Hook") == (False, []), "nobody waits for what was paused"
    g.asked("POST", "endpoints/hook/resume")
    g.asked("POST", "endpoints/hook/key")
    assert of("Hook") == (False, []) and g.asked("GET", "endpoints/hook")["has_key"] is True
    g.asked("DELETE", "endpoints/hook")


def test_a_mailbox_without_a_sign_in_needs_a_person(world):
    tenant = Tenant(world, grant="app")
    g = tenant.gateway
    g.prepare("mailbox", "add", "desk@contoso.example", "--registration", "m365", "--grant", "code")
    need = until(lambda: overview(g)["needs_person"], "somebody is needed")[0]
    assert need["kind"] == "mailbox" and need["key"] == "desk@contoso.example" and need["severity"] == "error"
    assert need["link"] == "/mailboxes/desk@contoso.example" and need["title"].startswith("desk@contoso.example: ")
    assert box(overview(g), "desk@contoso.example")["state"] == "none"


def test_a_role_that_is_away_is_named_and_the_rest_is_shown(tenant):
    g = tenant.gateway
    vault = g.roles("vault")[0]["pid"]
    os.kill(vault, signal.SIGKILL)
    o = overview(g)
    until(lambda: g.roles("vault")[0]["state"] == "running", "the vault is back")
    assert [m["address"] for m in o["mailboxes"]] == [BOX] and set(o["away"]) <= {"vault"}
