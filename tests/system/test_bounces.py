"""Reports to the sender (RFC 3464): a refusal upstream ends in the sender's own inbox, as machines and people can read it."""
import email
import email.policy

import pytest

from harness import Tenant, letter, until

NOBODY = "nobody@elsewhere.example"
REFUSAL = "550 5.1.1 RESOLVER.ADR.RecipientNotFound; not found"


@pytest.fixture
def refusing(tenant):
    tenant.sandbox.set("smtp.inject", f"rcpt:{NOBODY}={REFUSAL}")
    return tenant


def reports(tenant):
    return [m for m in tenant.sandbox.messages() if b"multipart/report" in tenant.sandbox.raw(m)[:2000]]


def wait_report(tenant, count=1):
    return until(lambda: (r := reports(tenant)) and len(r) >= count and r, f"{count} reports")[-1]


class Report:
    """The three parts of a report, by Python's own parser."""

    def __init__(self, raw):
        self.raw = raw
        self.message = email.message_from_bytes(raw, policy=email.policy.default)
        assert self.message.get_content_type() == "multipart/report"
        assert self.message.get_param("report-type") == "delivery-status"
        text, status, self.original = self.message.get_payload()
        assert status.get_content_type() == "message/delivery-status"
        self.text = text.get_content()
        self.whole, *self.recipients = status.get_payload()


def test_a_refused_recipient_comes_back_to_the_senders_inbox(refusing):
    message = refusing.submit(letter("lost"), ["alice@contoso.example", NOBODY], options=["ENVID=order+2B7"])
    done = refusing.gateway.wait_state(message, "partial")
    assert {r["address"]: r["state"] for r in done["recipients"]} == {"alice@contoso.example": "delivered", NOBODY: "bounced"}
    assert next(r for r in done["recipients"] if r["address"] == NOBODY)["last"].startswith(REFUSAL)
    arrived = wait_report(refusing)
    assert {"mailbox": Tenant.MAILBOX, "folder": "INBOX"}.items() <= arrived["folders"][0].items()
    report = Report(refusing.sandbox.raw(arrived))
    assert report.message["To"] == Tenant.MAILBOX and report.message["Auto-Submitted"] == "auto-replied"
    assert report.message["Message-ID"] and report.message["Date"]
    assert report.whole["Reporting-MTA"] == "dns;gateway.test" and report.whole["Original-Envelope-Id"] == "order+7"
    assert report.whole["Arrival-Date"]
    [r] = report.recipients
    assert r["Final-Recipient"] == f"rfc822;{NOBODY}" and r["Action"] == "failed" and r["Status"] == "5.1.1"
    assert r["Diagnostic-Code"].startswith(f"smtp;{REFUSAL}") and r["Remote-MTA"] == "dns;localhost"
    assert REFUSAL in " ".join(report.text.split()) and "What it means" in report.text and "What to do" in report.text
    assert report.original.get_content_type() == "message/rfc822" and b"Subject: lost" in report.raw and b"\r\nText\r\n" in report.raw


def test_only_the_header_comes_back_where_that_was_asked_for(refusing):
    refusing.submit(letter("headers", body="the body's words\r\n"), NOBODY, options=["RET=HDRS"])
    report = Report(refusing.sandbox.raw(wait_report(refusing)))
    assert report.original.get_content_type() == "text/rfc822-headers"
    assert b"Subject: headers" in report.raw and b"the body's words" not in report.raw


def rcpt_with(tenant, recipient, parameters):
    """A session by hand: Python's client gives RCPT no parameters of one recipient through `submit`."""
    with tenant.gateway.smtp() as client:
        client.ehlo()
        client.login("erp", tenant.password)
        assert client.mail(tenant.MAILBOX)[0] == 250
        assert client.rcpt(recipient, parameters)[0] == 250
        code, text = client.data(letter("asked"))
        assert code == 250
        return text.decode().rsplit(" ", 1)[-1]


def test_never_means_never(refusing):
    refusing.gateway.wait_state(rcpt_with(refusing, NOBODY, ["NOTIFY=NEVER"]), "bounced")
    refusing.gateway.wait_state(rcpt_with(refusing, NOBODY, ["NOTIFY=SUCCESS"]), "bounced")
    refusing.gateway.wait_state(refusing.submit(letter("after"), "alice@contoso.example"), "delivered")
    assert not reports(refusing)


def test_success_is_told_only_where_the_server_will_not(tenant):
    tenant.gateway.wait_state(rcpt_with(tenant, "alice@contoso.example", ["NOTIFY=SUCCESS"]), "delivered")
    assert tenant.sandbox.messages()[0]["envelope"]["recipients"][0]["notify"] == "SUCCESS", "passed on: the server tells"
    tenant.sandbox.set("smtp.without", "DSN")
    tenant.gateway.cli("mailbox", "set", tenant.MAILBOX, "--alias", "orders@contoso.example")  # closes pooled connections
    tenant.gateway.wait_state(rcpt_with(tenant, "alice@contoso.example", ["NOTIFY=SUCCESS", "ORCPT=rfc822;al+2Bice@contoso.example"]),
                              "delivered")
    report = Report(tenant.sandbox.raw(wait_report(tenant)))
    [r] = report.recipients
    assert r["Action"] == "relayed" and r["Status"].startswith("2.") and r["Original-Recipient"] == "rfc822;al+ice@contoso.example"
    assert len(reports(tenant)) == 1


def test_a_report_that_is_refused_ends_there(tenant):
    tenant.sandbox.set("smtp.inject", f"rcpt={REFUSAL}")
    tenant.gateway.wait_state(tenant.submit(letter()), "bounced")
    until(lambda: len(tenant.gateway.events("mail.bounced")) == 2, "the report's own refusal")
    everything = tenant.gateway.json("queue", "list")["items"]
    assert len(everything) == 2 and [m["report"] for m in everything] == [True, False]
    assert not tenant.sandbox.messages()


def test_the_null_sender_gets_no_report(tenant):
    tenant.gateway.cli("app", "set", "erp", "--any-sender")
    tenant.sandbox.set("smtp.inject", f"rcpt={REFUSAL}")
    message = tenant.submit(letter(), sender="<>")
    tenant.gateway.wait_state(message, "bounced")
    assert len(tenant.gateway.json("queue", "list")["items"]) == 1


def test_a_refusal_after_data_names_its_finding_and_does_not_loop(world):
    """SendAsDenied comes after the whole message; Exchange throttles who tries that again and again."""
    tenant = Tenant(world, grant="app")
    tenant.gateway.cli("mailbox", "set", tenant.MAILBOX, "--shared", "alice@contoso.example")
    message = tenant.submit(letter(sender="alice@contoso.example"), "bob@contoso.example", sender="alice@contoso.example")
    done = tenant.gateway.wait_state(message, "bounced")
    [r] = done["recipients"]
    assert r["finding"] == "smtp.sender.not-allowed" and r["attempts"] == 1 and "SendAsDenied" in r["last"]
    report = Report(tenant.sandbox.raw(wait_report(tenant)))
    assert "Add-RecipientPermission" in report.text and report.message["To"] == "alice@contoso.example"
    tenant.gateway.wait_state(tenant.submit(letter("goes on")), "delivered")


def test_a_delay_is_told_once_then_the_end_of_the_lifetime(world):
    tenant = Tenant(world, extra="queue: { lifetime: 6h, delay-notice: 1h, retry-first: 10m, retry-max: 1h }\n")
    tenant.sandbox.set("smtp.inject", f"rcpt:{NOBODY}=450 4.2.1 Busy, later")
    message = tenant.submit(letter("slow"), NOBODY)
    tenant.gateway.wait_event("mail.deferred", message=message)
    world.clock.advance(3700)
    report = Report(tenant.sandbox.raw(wait_report(tenant)))
    [r] = report.recipients
    assert r["Action"] == "delayed" and r["Will-Retry-Until"] and r["Status"] == "4.2.1"
    world.clock.advance(3 * 3600)
    until(lambda: tenant.gateway.message(message)["recipients"][0]["attempts"] >= 3, "another try")
    assert len(reports(tenant)) == 1, "one notice is enough"
    world.clock.advance(3 * 3600)
    tenant.gateway.wait_state(message, "expired")
    report = Report(tenant.sandbox.raw(wait_report(tenant, 2)))
    [r] = report.recipients
    assert r["Action"] == "failed" and r["Status"] in ("4.4.7", "4.2.1") and "450 4.2.1 Busy, later" in r["Diagnostic-Code"]
    assert "It was tried for as long as mail is kept" in report.text
