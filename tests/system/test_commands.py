"""What people and scripts rely on: every command's help and exit codes, where secrets may come from, what is printed where."""
import json
import os
import re
import subprocess

import pytest
import yaml

from harness import BIN, SWIFT, Gateway, Tenant, letter, until

MAILBOX = Tenant.MAILBOX
DONE, REFUSED, USAGE = 0, 1, 2


def run(*args, env=None, binary=BIN, **kw):
    return subprocess.run([binary, *map(str, args)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})}, **kw)


def words_of(help_text):
    return re.findall(r"^  (?:postern )?([a-z][a-z-]*)\b", help_text, re.M)


def actions():
    """Every command, with each of its actions: what --help itself lists. Each worker asks when it collects, so it has to be swift."""
    for command in words_of(run("--help", binary=SWIFT).stdout):
        if command in ("sandbox", "sendmail"):
            continue  # have a form of their own, below
        text = run(command, "--help", binary=SWIFT).stdout
        if text.startswith("Usage"):
            yield (command,)
        else:
            yield from ((command, action) for action in words_of(text))


ALL = sorted(actions())


def test_the_commands_that_were_promised_are_there():
    commands = {words[0] for words in ALL}
    assert {"serve", "check", "status", "provider", "registration", "mailbox", "app", "queue", "send", "log", "reload"} <= commands
    text = run("--help").stdout
    assert "sandbox" in text and "sendmail" in text


@pytest.mark.parametrize("words", ALL, ids=["-".join(words) for words in ALL])
def test_help_usage_and_secrets_of_each(words):
    shown = run(*words, "--help")
    assert shown.returncode == DONE and shown.stdout.startswith("Usage: postern " + " ".join(words)) and not shown.stderr
    assert "-c, --config" in shown.stdout
    # A secret is never an argument: what takes one names a file.
    for option in re.findall(r"--([a-z-]*(?:secret|key|password)[a-z-]*) ([A-Z]\S*)", shown.stdout):
        assert option[1] in ("FILE", "DATE") or words == ("audit",), option  # there a key is an object's name
    unknown = run(*words, "--no-such-option")
    assert unknown.returncode == USAGE and "no-such-option" in unknown.stderr and not unknown.stdout


@pytest.mark.parametrize("words", [["bogus"], ["mailbox", "bogus"], ["mailbox"], [], ["mailbox", "show"], ["status", "surplus"],
                                   ["registration", "add", "x", "--secret", "hunter2"], ["sandbox", "--bogus"]])
def test_wrong_usage_ends_with_two(words):
    done = run(*words)
    assert done.returncode == USAGE and done.stderr and not done.stdout


def test_a_daemon_that_is_not_there_is_said(world):
    config = world.file("postern.yaml", f"state: {world.dir}/nowhere\n")
    done = run("status", "-c", config)
    assert done.returncode == REFUSED and "postern serve" in done.stderr


def test_the_configuration_is_found_by_option_then_environment(gateway, world):
    wrong = world.file("wrong.yaml", "state: [")
    assert run("status", "-c", gateway.config, env={"POSTERN_CONFIG": str(wrong)}).returncode == DONE
    assert run("status", env={"POSTERN_CONFIG": str(gateway.config)}).returncode == DONE
    done = run("status", env={"POSTERN_CONFIG": str(wrong)})
    assert done.returncode == REFUSED and f"{wrong}:" in done.stderr


def test_a_console_on_loopback_may_stand_in_the_file(world):
    config = world.file("postern.yaml", f"state: {world.dir}/state\nuser: root\n"
                        'console: { address: "127.0.0.1:8025", public-url: "https://mail.example.org/" }\n')
    done = run("check", "-c", config)
    assert done.returncode == DONE, done.stderr


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_reading_is_always_live(world, protocol):
    listener = f'  - {{ protocol: {protocol}, address: "127.0.0.1:1143", tls: none'
    config = world.file("postern.yaml", f"state: {world.dir}/state\nuser: root\nlisteners:\n{listener} }}\n")
    assert run("check", "-c", config).returncode == DONE
    config.write_text(f"state: {world.dir}/state\nuser: root\nlisteners:\n{listener}, mode: queue }}\n")
    done = run("check", "-c", config)
    assert done.returncode == REFUSED and f"{config}:4:" in done.stderr and "queue" in done.stderr
    assert json.loads(run("check", "--json", "-c", config).stdout)["ok"] is False


def test_an_unknown_protocol_is_refused_by_name(world):
    config = world.file("postern.yaml", f"state: {world.dir}/state\nuser: root\nlisteners:\n"
                        '  - { protocol: nntp, address: "127.0.0.1:1119", tls: none }\n')
    done = run("check", "-c", config)
    assert done.returncode == REFUSED and f"{config}:4:" in done.stderr and "smtp, imap, pop3" in done.stderr


def test_the_provider_file_of_the_interface_is_taken_as_it_is_printed(gateway, world, certificates):
    file = world.file("example.yaml", """\
name: example
issuer: https://login.example.org/tenant/v2.0      # discovery, or the endpoints one by one:
endpoints: { authorize: "https://login.example.org/a", token: "https://login.example.org/t", device: "https://login.example.org/d", jwks: "https://login.example.org/k" }
scopes: { smtp: s, imap: i, pop3: p, app: a, common: "openid offline_access" }
smtp: { host: smtp.example.org, port: 587, tls: starttls, sasl: xoauth2 }
imap: { host: imap.example.org, port: 993, tls: implicit, sasl: xoauth2 }
pop3: { host: pop.example.org, port: 995, tls: implicit, sasl: xoauth2 }
limits: { connections: 3, messages-per-minute: 30, recipients-per-day: 10000, recipients-per-message: 500, size-mb: 35 }
""")
    gateway.cli("provider", "add", file)
    shown = gateway.json("provider", "show", "example")
    assert shown["smtp"] == {**shown["smtp"], "host": "smtp.example.org", "port": 587, "tls": "starttls", "sasl": "xoauth2"}
    assert shown["limits"]["recipients_per_day"] == 10000 and shown["limits"]["size_mb"] == 35
    assert shown["endpoints"]["device"] == "https://login.example.org/d"
    broken = world.file("broken.yaml", "name: broken\nsmtp: { hots: x }\n")
    done = gateway.cli("provider", "add", broken, check=False)
    assert done.returncode == REFUSED and "broken.yaml" in done.stderr and "hots" in done.stderr
    assert gateway.cli("provider", "remove", "microsoft365", check=False).returncode == REFUSED


def test_every_change_says_what_was_done_and_what_comes_next(tenant):
    g = tenant.gateway
    said = g.cli("registration", "add", "other", "--provider", "sandbox", "--tenant", "t", "--client-id", "i", "--public").stderr
    assert "registration other" in said and "postern mailbox add" in said
    said = g.cli("mailbox", "add", "bob@contoso.example", "--registration", "other", "--grant", "device").stderr
    assert "postern mailbox authorize bob@contoso.example" in said
    for words in [("mailbox", "set", "bob@contoso.example", "--alias", "b@contoso.example"), ("mailbox", "pause", "bob@contoso.example"),
                  ("mailbox", "resume", "bob@contoso.example"), ("app", "set", "erp", "--allow", "smtp"),
                  ("registration", "set", "other", "--tenant", "u"), ("mailbox", "remove", "bob@contoso.example"),
                  ("registration", "remove", "other"), ("app", "remove", "erp"), ("reload",)]:
        done = g.cli(*words)
        assert done.stderr.strip() and not done.stdout, words
        assert len(words) < 3 or words[2] in done.stderr


def test_a_password_is_printed_once_and_alone(tenant):
    g = tenant.gateway
    added = g.cli("app", "add", "scanner", "--mailbox", MAILBOX).stdout
    assert re.fullmatch(r"\S{20,}\n", added)
    rotated = g.json("app", "rotate", "scanner")["password"]
    assert rotated != added.strip() and rotated not in g.cli("app", "show", "scanner", "--json").stdout
    with g.smtp() as client:
        client.ehlo()
        assert client.docmd("AUTH", "PLAIN " + plain("scanner", added.strip()))[0] == 535
    with g.smtp() as client:
        client.ehlo()
        assert client.docmd("AUTH", "PLAIN " + plain("scanner", rotated))[0] == 235


def plain(user, password):
    import base64
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def test_send_prints_the_id_alone_and_show_has_what_scripts_read(tenant, world):
    g = tenant.gateway
    text = world.file("text", "A line\n")
    message = g.cli("send", "--from", MAILBOX, "--to", "alice@contoso.example", "--cc", "bob@contoso.example", "--text", text).stdout
    assert re.fullmatch(r"[0-9a-f]{16}\n", message)
    shown = g.wait_state(message.strip(), "delivered")
    assert [r["address"] for r in shown["recipients"]] == ["alice@contoso.example", "bob@contoso.example"]
    assert all(r["state"] == "delivered" and r["attempts"] == 1 and r["last"] for r in shown["recipients"])


def test_a_refusal_has_a_title_for_people(gateway):
    done = gateway.cli("mailbox", "set", "nobody@contoso.example", "--alias", "a@b.example", "--json", check=False)
    problem = json.loads(done.stdout)
    assert done.returncode == REFUSED and "." not in problem["title"] and "nobody@contoso.example" in problem["detail"]


def test_an_unknown_mailbox_is_named_in_the_steps(gateway):
    done = gateway.cli("mailbox", "authorize", "nobody@contoso.example", check=False)
    assert done.returncode == REFUSED and "mailbox add nobody@contoso.example" in done.stderr and "<mailbox>" not in done.stderr


def test_a_finding_is_shown_with_cause_and_numbered_steps(tenant):
    g = tenant.gateway
    tenant.sandbox.set("smtp.auth-mailbox", f"{MAILBOX}=off")
    done = g.cli("mailbox", "test", MAILBOX, check=False)
    assert done.returncode == REFUSED and "FAILED sign-in" in done.stdout
    for word in ["cause", "fix 1", "fix 2", f"Set-CASMailbox -Identity {MAILBOX}", tenant.registration_of("app")["tenant"]]:
        assert word in done.stderr, word
    assert "<" not in re.sub(r"<[^ ]*@[^ ]*>", "", done.stderr)
    message = tenant.submit(letter())
    g.wait_state(message, "held")
    finding = json.loads(g.cli("mailbox", "test", MAILBOX, "--json", check=False).stdout)["findings"][0]
    assert set(finding) >= {"id", "seen", "cause", "fix", "who", "certainty"} and finding["id"] == "smtp.auth.disabled-mailbox"
    status = g.cli("status").stdout
    assert "need a person" in status and f"postern mailbox test {MAILBOX}" in status and "prod.outlook.com" not in status


def test_a_removed_mailbox_is_gone_from_the_stats(tenant):
    g = tenant.gateway
    g.cli("registration", "add", "person", "--provider", "sandbox", "--tenant", "t", "--client-id", "i", "--public")
    g.cli("mailbox", "add", "bob@contoso.example", "--registration", "person", "--grant", "device")
    g.wait_event("mailbox.held", mailbox="bob@contoso.example")
    g.cli("mailbox", "remove", "bob@contoso.example")
    assert "bob@contoso.example" not in g.cli("queue", "stats").stdout


def test_queue_verbs(tenant):
    g = tenant.gateway
    g.cli("mailbox", "pause", MAILBOX)
    message = tenant.submit(letter())
    g.cli("queue", "hold", message)
    g.cli("mailbox", "resume", MAILBOX)
    assert g.message(message)["state"] == "held"
    assert [m["id"] for m in g.json("queue", "list", "--state", "held")["items"]] == [message]
    g.cli("queue", "release", message)
    g.wait_state(message, "delivered")
    done = g.cli("queue", "remove", message, check=False)
    assert done.returncode == REFUSED and message in done.stderr
    assert g.cli("queue", "show", "zzz", check=False).returncode == REFUSED


def test_the_log_tells_of_one_message(tenant):
    message = tenant.submit(letter())
    tenant.gateway.wait_state(message, "delivered")
    lines = until(lambda: tenant.gateway.cli("log", "--message", message).stdout, "the log of a message")
    assert "mail.accepted" in lines and message in lines
