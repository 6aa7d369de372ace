"""People at the console and programs at the API: who comes in, what each may do, who is shut out, and what the audit says of it."""
import concurrent.futures
import json
import os
import signal
import sqlite3
import statistics
import time

import pytest

from harness import until

ANNA = "correct horse battery"
BERT = "staple of nine lives"


@pytest.fixture
def anna(gateway):
    """An administrator who is signed in, and a second one beside."""
    add(gateway, "anna", ANNA, "administrator")
    return signed_in(gateway, "anna", ANNA)


def add(gateway, name, password, role="operator"):
    gateway.cli("operator", "add", name, "--role", role, "--password-file", "-", stdin=password)


def signed_in(gateway, name, password):
    who = gateway.console()
    answer = who.sign_in(name, password)
    assert answer.status == 200, answer
    return who


def new_key(gateway, name, *options):
    return gateway.cli("key", "add", name, *options).stdout.strip()


def audit(gateway, *options):
    return gateway.json("audit", *options)["items"]


# -- operators --


def test_an_operator_looks_and_an_administrator_changes(gateway, anna):
    add(gateway, "bert", BERT)
    bert = signed_in(gateway, "bert", BERT)
    assert bert.get("operators").status == 200
    assert bert.patch("operators/bert", {"role": "administrator"}).status == 403
    assert bert.put("operators/anna/password", {"password": "another long password"}).status == 403
    assert anna.patch("operators/bert", {"role": "administrator"}).status == 200
    assert bert.patch("operators/bert", {"role": "operator"}).status == 200


@pytest.mark.parametrize("password", ["short", "Password1234!", "bertbertbert", "aaaaaaaaaaaaaaaa", "123456789012"])
def test_an_easy_password_is_refused(gateway, password):
    refused = gateway.cli("operator", "add", "bert", "--password-file", "-", stdin=password, check=False)
    assert refused.returncode == 1 and "easy to guess" in refused.stderr
    assert gateway.json("operator", "list")["items"] == []  # what was begun is taken back


def test_an_easy_password_is_for_who_chose_it_to_mend(gateway, anna):
    """It is no matter of the program that sends: an administrator chose it for somebody, or a person for herself."""
    add(gateway, "bert", BERT)
    bert = signed_in(gateway, "bert", BERT)
    for who, name, more in ((anna, "bert", {}), (anna, "anna", {"current": ANNA}), (bert, "bert", {"current": BERT})):
        refused = who.put(f"operators/{name}/password", {"password": "short", **more})
        finding, = refused.json["findings"]
        assert refused.status == 422 and (finding["id"], finding["who"]) == ("operator.password", "postern-admin"), refused
    wrong = anna.put("operators/anna/password", {"password": "a new and longer one", "current": "not this one"})
    assert wrong.json["findings"][0]["id"] == "console.password" and wrong.json["findings"][0]["who"] == "postern-admin"


def test_a_disabled_operator_is_out_at_once(gateway, anna):
    add(gateway, "bert", BERT)
    bert = signed_in(gateway, "bert", BERT)
    assert anna.patch("operators/bert", {"is_disabled": True}).status == 200
    assert bert.get("status").status == 401
    assert bert.sign_in("bert", BERT).status == 401
    assert anna.patch("operators/bert", {"is_disabled": False}).status == 200
    assert bert.get("status").status == 401  # the old session stays ended
    assert signed_in(gateway, "bert", BERT)


def test_one_that_was_removed_does_not_come_back_with_the_old_password(gateway, anna):
    add(gateway, "bert", BERT)
    assert anna.delete("operators/bert").status == 204
    gateway.local().put("operators/bert", {"name": "bert"})
    assert gateway.console().sign_in("bert", BERT).status == 401


def test_ones_own_password_needs_the_present_one_and_signs_out_the_others(gateway, anna):
    elsewhere = signed_in(gateway, "anna", ANNA)
    new = "a new and longer one"
    assert anna.put("operators/anna/password", {"password": new}).status == 401
    assert anna.put("operators/anna/password", {"password": new, "current": "wrong wrong wrong"}).status == 401
    assert anna.put("operators/anna/password", {"password": new, "current": ANNA}).status == 204
    assert anna.get("status").status == 200
    assert elsewhere.get("status").status == 401
    assert gateway.console().sign_in("anna", ANNA).status == 401
    assert signed_in(gateway, "anna", new)


def test_the_last_administrator_stays(gateway, anna):
    for change in ({"role": "operator"}, {"is_disabled": True}):
        refused = anna.patch("operators/anna", change)
        assert refused.status == 409 and refused.finding == "operator.last"
    assert anna.delete("operators/anna").finding == "operator.last"
    # Another one without a password could not sign in either.
    assert anna.put("operators/carl", {"name": "carl", "role": "administrator"}).status == 201
    assert anna.delete("operators/anna").finding == "operator.last"
    add(gateway, "bert", BERT, "administrator")
    assert anna.delete("operators/anna").status == 204
    # On the machine itself it is possible.
    gateway.cli("operator", "remove", "bert")


def test_two_administrators_cannot_remove_each_other(gateway, anna):
    add(gateway, "bert", BERT, "administrator")
    bert = signed_in(gateway, "bert", BERT)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = [pool.submit(anna.delete, "operators/bert"), pool.submit(bert.delete, "operators/anna")]
        statuses = sorted(f.result().status for f in both)
    assert statuses in ([204, 401], [204, 409]), statuses
    assert len(gateway.json("operator", "list")["items"]) == 1


def test_wrong_passwords_slow_down_who_tries_and_not_who_knows(gateway, anna):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: gateway.console().sign_in("anna", f"wrong password {n}"), range(60)))
    statuses = [a.status for a in answers]
    assert set(statuses) == {401, 429} and statuses.count(401) <= 40
    assert all(int(a.headers["Retry-After"]) > 0 for a in answers if a.status == 429)
    assert signed_in(gateway, "anna", ANNA)  # known to be right: it passes all the same
    assert gateway.console().sign_in("nobody", "some long password").status == 401  # counted by name


def test_the_vault_answers_while_passwords_are_compared(gateway, anna):
    """Each comparison takes long, on purpose; tokens are handed out by the same process."""
    def timed(ask):
        begun = time.monotonic()
        answer = ask()
        return time.monotonic() - begun, answer.status

    def hammer(n):
        return timed(lambda: gateway.console().sign_in(f"nobody{n}", f"wrong password {n}"))

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        tries = [pool.submit(hammer, n) for n in range(24)]
        asked = []
        while not all(t.done() for t in tries):
            asked.append(timed(lambda: anna.get("operators")))  # it asks the vault, too
    wrong = [t.result() for t in tries]
    assert {s for _, s in wrong} == {401} and {s for _, s in asked} == {200}
    # Behind a comparison each would wait for about a third of what the three wait for each other.
    assert statistics.median(t for t, _ in asked) < statistics.median(t for t, _ in wrong) / 6, (asked, wrong)


def test_without_the_vault_nobody_is_called_wrong(gateway, anna):
    key = new_key(gateway, "shop", "--scope", "read")
    pid = next(r["pid"] for r in gateway.roles() if r["role"] == "vault")
    os.kill(pid, signal.SIGKILL)
    statuses = set()

    def is_back():
        now = {gateway.console().sign_in("anna", ANNA).status, gateway.console(bearer=key).get("roles").status}
        statuses.update(now)
        return now == {200}

    until(is_back, "the vault is there again")
    assert statuses <= {200, 503}


def test_all_of_it_survives_a_restart(gateway, anna):
    key = new_key(gateway, "shop", "--scope", "read")
    gateway.stop()
    gateway.start()
    assert signed_in(gateway, "anna", ANNA)
    assert anna.get("status").status == 401  # sessions do not
    assert gateway.console(bearer=key).get("status").status == 200


# -- keys --


def test_a_key_does_what_its_scopes_say(gateway):
    read = gateway.console(bearer=new_key(gateway, "reader", "--scope", "read"))
    assert read.get("status").status == 200
    assert read.put("keys/more", {"name": "more", "scopes": ["admin"]}).status == 403
    admin = gateway.console(bearer=new_key(gateway, "boss", "--scope", "admin"))
    assert admin.put("keys/more", {"name": "more", "scopes": ["read"]}).status == 201
    assert admin.get("status").status == 403
    made = admin.post("keys/more/secret")
    assert made.status == 200 and made.json["key"].startswith("postern.more.")
    assert gateway.console(bearer=made.json["key"]).get("status").status == 200


def test_a_key_without_scopes_is_none(gateway):
    refused = gateway.local().put("keys/empty", {"name": "empty", "scopes": []})
    assert refused.status == 422 and "scopes" in refused.text


def test_a_key_ends_by_rotation_its_day_a_switch_and_removal(gateway):
    key = new_key(gateway, "shop", "--scope", "read")
    shop = gateway.console(bearer=key)
    new = gateway.cli("key", "rotate", "shop").stdout.strip()
    assert shop.get("status").status == 401
    shop = gateway.console(bearer=new)
    assert shop.get("status").status == 200
    gateway.cli("key", "set", "shop", "--expires", "2020-01-31")
    assert shop.get("status").status == 401
    gateway.cli("key", "set", "shop", "--expires", "")
    gateway.cli("key", "set", "shop", "--disabled")
    assert shop.get("status").finding == "console.key"
    gateway.cli("key", "set", "shop", "--no-disabled")
    assert shop.get("status").status == 200
    gateway.cli("key", "remove", "shop")
    assert shop.get("status").status == 401


@pytest.mark.parametrize("change", [lambda k: k[:-1] + ("A" if k[-1] != "A" else "B"), lambda k: k.upper(),
                                    lambda k: k.replace("shop", "shoq"), lambda k: k[:20], lambda k: "x", lambda k: k + "="])
def test_what_is_nearly_a_key_is_none(gateway, change):
    key = new_key(gateway, "shop", "--scope", "read")
    assert gateway.console(bearer=change(key)).get("status").status == 401


# -- the audit --


def test_a_change_says_who_what_and_from_where(gateway, anna):
    anna.put("keys/shop", {"name": "shop", "scopes": ["read"]})
    anna.patch("keys/shop", {"scopes": ["read", "send"]})
    gateway.cli("key", "remove", "shop")
    removed, changed, added = audit(gateway, "--kind", "key", "--key", "shop")
    assert (added["action"], changed["action"], removed["action"]) == ("add", "change", "remove")
    assert changed["who"] == {"kind": "operator", "name": "anna", "host": "127.0.0.1"}
    assert removed["who"]["kind"] == "local" and removed["who"]["host"] == "local"
    assert changed["changes"] == {"scopes": [["read"], ["send", "read"]]}
    assert [line["id"] for line in audit(gateway, "--kind", "key", "--who", "anna")] == [changed["id"], added["id"]]


def test_it_is_read_page_by_page(gateway):
    for n in range(7):
        gateway.local().put(f"keys/k{n}", {"name": f"k{n}", "scopes": ["read"]})
    seen, cursor = [], None
    while True:
        page = gateway.json("audit", "--kind", "key", "--limit", "3", *(["--cursor", cursor] if cursor else []))
        seen += [line["key"] for line in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert seen == [f"k{n}" for n in reversed(range(7))]
    assert gateway.local().get("audit?limit=0").status == 400
    assert gateway.local().get("audit?cursor=x").status == 400


def test_sign_ins_are_told_good_and_refused(gateway, anna):
    gateway.console().sign_in("anna", "not the password")
    gateway.console().sign_in("hunter2 in the wrong field", "whatever it may be")
    anna.delete("session")
    until(lambda: len(audit(gateway, "--kind", "operator")) >= 6, "sign-ins stand in the audit")
    lines = [(line["action"], line["key"]) for line in audit(gateway, "--kind", "operator")]
    assert ("sign-in", "anna") in lines and ("sign-out", "anna") in lines
    assert ("refused", "anna") in lines and ("refused", "") in lines


def test_no_secret_stands_in_it(gateway, anna):
    key = new_key(gateway, "shop", "--scope", "read")
    secrets = [key, ANNA, "a second password", "a wrong password", "client-secret-of-entra"]
    anna.put("operators/anna/password", {"password": "a second password", "current": ANNA})
    gateway.console().sign_in("a wrong password", "a wrong password")
    gateway.console(bearer=key[:-1]).get("status")
    gateway.cli("registration", "add", "m365", "--provider", "microsoft365", "--tenant", "contoso.example", "--client-id",
                "11111111-1111-4111-8111-111111111111", "--secret-file", "-", stdin="client-secret-of-entra")
    until(lambda: any(line["action"] == "secret" for line in audit(gateway, "--kind", "registration")), "it is written")
    text = json.dumps(audit(gateway, "--limit", "500"))
    for secret in secrets:
        assert secret not in text
    gateway.stop()
    with sqlite3.connect(gateway.state / "postern.db") as db:
        rows = repr(db.execute("SELECT * FROM audit").fetchall())
    assert not any(secret in rows for secret in secrets)
    events = (gateway.state / "events.jsonl").read_text()
    assert not any(secret in events for secret in secrets)


def test_what_was_not_changed_is_not_told(gateway, anna):
    anna.put("keys/shop", {"name": "shop", "scopes": ["nonsense"]})
    anna.delete("keys/none")
    anna.delete("operators/anna")
    assert audit(gateway, "--kind", "key") == []
    assert all(line["action"] != "remove" for line in audit(gateway, "--kind", "operator"))
