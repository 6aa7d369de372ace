"""Programs that people use, against the gateway and the sandbox: what arrives is what was sent, plus one Received line."""
import subprocess

import pytest

import bodies
from harness import BIN, letter, submit_on, without_received

RECIPIENT = "alice@contoso.example"


def arrived(tenant, count=1):
    inbox = [m for m in tenant.sandbox.wait_messages(count)]
    return tenant.sandbox.raw(inbox[-1])


def run(*argv, stdin=None, **kw):
    done = subprocess.run([str(a) for a in argv], input=stdin, capture_output=True, timeout=60, **kw)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return done


def test_swaks(tenant, world):
    message = world.file("m.eml", letter("from swaks").removesuffix(b"\r\n"))  # swaks ends the last line itself
    run("swaks", "--server", "127.0.0.1", "--port", tenant.gateway.port, "--auth", "LOGIN", "--auth-user", "erp", "--auth-password",
        tenant.password, "--from", tenant.MAILBOX, "--to", RECIPIENT, "--data", f"@{message}")
    assert without_received(arrived(tenant)) == letter("from swaks")


def test_msmtp(tenant, world):
    config = world.file("msmtprc", f"account default\nhost 127.0.0.1\nport {tenant.gateway.port}\nauth plain\ntls off\nuser erp\n"
                                   f"password {tenant.password}\nfrom {tenant.MAILBOX}\n")
    config.chmod(0o600)
    text = letter("from msmtp").replace(b"\r\n", b"\n")
    run("msmtp", "-C", config, "--", RECIPIENT, stdin=text)
    assert without_received(arrived(tenant)) == letter("from msmtp")


def test_curl(tenant, world):
    message = world.file("m.eml", letter("from curl"))
    run("curl", "-sS", f"smtp://127.0.0.1:{tenant.gateway.port}/client.test", "--mail-from", tenant.MAILBOX, "--mail-rcpt", RECIPIENT,
        "--user", f"erp:{tenant.password}", "--login-options", "AUTH=PLAIN", "-T", message)
    assert without_received(arrived(tenant)) == letter("from curl")


def test_smtplib_many_bodies_on_one_session(tenant):
    with tenant.gateway.smtp() as client:
        client.ehlo()
        client.login("erp", tenant.password)
        for count, (name, body) in enumerate(bodies.BODIES.items(), 1):
            submit_on(client, tenant.MAILBOX, RECIPIENT, body)
    seen = [tenant.sandbox.raw(m) for m in tenant.sandbox.wait_messages(len(bodies.BODIES))]
    wanted = sorted(bodies.complete(b) for b in bodies.BODIES.values())
    assert sorted(without_received(raw) for raw in seen) == wanted


def test_smtp_source(world):
    """Postfix's load generator, known by its address alone."""
    from harness import Tenant
    tenant = Tenant(world)
    tenant.gateway.cli("app", "set", "erp", "--from", "127.0.0.1/32")
    run("/usr/sbin/smtp-source", "-s", "5", "-m", "25", "-l", "2000", "-f", tenant.MAILBOX, "-t", RECIPIENT,
        f"127.0.0.1:{tenant.gateway.port}")
    listed = tenant.gateway.json("queue", "stats")
    assert listed["accepted_total"] == 25


def test_s_nail_through_sendmail(tenant, world):
    sendmail = world.dir / "sendmail"
    sendmail.symlink_to(BIN)
    rc = world.file("mailrc", f"set sendmail={sendmail}\nset sendmail-arguments='-C {tenant.gateway.config}'\n"
                              f"set from={tenant.MAILBOX}\n")
    run("s-nail", "-s", "from s-nail", RECIPIENT, stdin=b"Grusse\n.\nend\n", cwd=world.dir,
        env={"MAILRC": str(rc), "HOME": str(world.dir), "PATH": "/usr/bin:/bin", "POSTERN_CONFIG": str(tenant.gateway.config)})
    raw = arrived(tenant)
    assert b"Subject: from s-nail" in raw and b"\r\nGrusse\r\n.\r\nend\r\n" in raw


def test_send_with_attachments(tenant, world):
    import email
    import email.policy
    data = bytes(range(256)) * 500
    file = world.file("report.bin", data)
    html = world.file("m.html", "<p>Grüße</p>")
    message = tenant.gateway.cli("send", "--from", tenant.MAILBOX, "--to", RECIPIENT, "--bcc", "bob@contoso.example", "--subject",
                                 "Bericht für März", "--text", "-", "--html", html, "--attach", file, stdin="Grüße\n").stdout.strip()
    tenant.gateway.wait_state(message, "delivered")
    parsed = email.message_from_bytes(arrived(tenant), policy=email.policy.default)
    assert parsed["Subject"] == "Bericht für März" and parsed["Bcc"] is None
    assert next(parsed.iter_attachments()).get_content() == data
    assert "Grüße" in parsed.get_body(("html",)).get_content()


@pytest.mark.slow
def test_ten_megabytes_as_an_old_program_would(tenant):
    body = bodies.large(10)
    message = tenant.submit(body)
    tenant.gateway.wait_state(message, "delivered", 60)
    assert without_received(arrived(tenant)) == bodies.complete(body)
