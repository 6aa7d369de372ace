"""All objects as one document: what is written out is taken in as the same, a change is whole or not at all."""
import json
import os
import pty
import subprocess

import pytest
import yaml

import harness
from harness import Gateway, Tenant, letter, until

BOX = Tenant.MAILBOX


def export(g):
    return g.cli("export").stdout


def state_of(g):
    """Every object with its mark."""
    local = g.local()
    return {(k, i.get("address", i.get("name"))): i["etag"] for k in ("providers", "registrations", "mailboxes", "apps", "endpoints")
            for i in local.get(k).json["items"]}


def apply(g, text, *options, check=True, **kw):
    return g.cli("apply", g.world.file("document.yaml", text), "--yes", *options, check=check, **kw)


def test_what_is_written_out_is_taken_in_as_the_same(tenant):
    g = tenant.gateway
    g.prepare("endpoint", "add", "tickets", "--mailbox", BOX, "--keep")
    assert g.local().patch("endpoints/tickets", {"filter": {"subject": "yes: \"no\" #1"}, "folder": "On"}).status == 200
    g.prepare("app", "add", "007", "--mailbox", BOX, "--from", "192.0.2.0/24", "--no-password")
    before, text = state_of(g), export(g)
    document = yaml.safe_load(text)
    assert list(document) == ["providers", "registrations", "mailboxes", "apps", "endpoints"]
    assert [a["name"] for a in document["apps"]] == ["007", "erp"] and "secret" not in text.replace("secret-expires", "")
    assert "nothing would change" in apply(g, text, "--prune").stdout and state_of(g) == before
    other = Gateway(tenant.world.__class__())
    try:
        done = apply(other, text)
        assert "+ mailbox " + BOX in done.stdout and "registration m365 still needs its secret" in done.stderr
        assert "app erp still needs its password: postern app rotate erp" in done.stderr
        assert export(other) == text and {k: v for k, v in state_of(other).items()} == before
    finally:
        other.world.close()


def test_a_change_is_shown_and_then_made(tenant):
    g = tenant.gateway
    before = state_of(g)
    document = yaml.safe_load(export(g))
    document["apps"][0]["any-sender"] = True
    document["mailboxes"][0]["limits"] = {"connections": 3}
    document["mailboxes"].append({"address": "desk@contoso.example", "registration": "m365", "grant": "app"})
    text = yaml.safe_dump(document)
    shown = apply(g, text, "--dry-run").stdout
    assert "~ app erp\n    any_sender: false -> true\n" in shown and "+ mailbox desk@contoso.example\n" in shown
    assert f"~ mailbox {BOX}\n    limits.connections: 0 -> 3\n" in shown, "and no more of the group than what differs"
    assert state_of(g) == before
    refused = g.cli("apply", g.world.file("d.yaml", text), check=False, stdin="")
    assert refused.returncode == 1 and "--yes" in refused.stderr and state_of(g) == before
    apply(g, text)
    assert "erp" in g.cli("audit", "--json").stdout, "each change has its line, as if it had been made alone"
    assert "limits.connections: 0 -> 3" in g.cli("audit").stdout
    assert g.json("app", "show", "erp")["any_sender"] is True and ("mailboxes", "desk@contoso.example") in state_of(g)
    del document["mailboxes"][-1]
    assert "nothing would change" in apply(g, yaml.safe_dump(document)).stdout
    assert "- mailbox desk@contoso.example\n" in apply(g, yaml.safe_dump(document), "--prune").stdout
    # A kind that is not named is left alone.
    assert "nothing would change" in apply(g, yaml.safe_dump({"endpoints": []}), "--prune").stdout


@pytest.mark.parametrize("change, says", [
    (lambda d: d["apps"].append({"name": "x", "mailboxes": ["ghost@contoso.example"]}), "ghost@contoso.example"),
    (lambda d: d["apps"].append({"name": "x", "mailboxes": [BOX], "colour": "red"}), "colour"),
    (lambda d: d["apps"].append({"name": "erp", "mailboxes": [BOX]}), "twice"),
    (lambda d: d["apps"].append({"mailboxes": [BOX]}), "has no name"),
    (lambda d: d.update(dragons=[]), "dragons"), (lambda d: d.update(apps={}), "list"),
    (lambda d: d["registrations"][0].update(secret="hunter2"), "never written here"),
    (lambda d: d["registrations"][0].update(secret={"file": "/no/such/file"}), "/no/such/file"),
    (lambda d: d["mailboxes"].clear(), "there is no mailbox"),
])
def test_a_document_with_one_mistake_changes_nothing(tenant, change, says):
    g = tenant.gateway
    before = state_of(g)
    document = yaml.safe_load(export(g))
    document["apps"].insert(0, {"name": "first", "mailboxes": [BOX]})
    change(document)
    done = apply(g, yaml.safe_dump(document), "--prune", check=False)
    assert done.returncode == 1 and says in done.stderr + done.stdout, done
    assert state_of(g) == before and "hunter2" not in done.stderr.replace("hunter2\"", "")


def test_secrets_come_by_reference_and_a_refused_one_is_said(tenant):
    g = tenant.gateway
    secret = next(r for r in tenant.sandbox.info["registrations"] if r["name"] == "app")["secret"]
    document = yaml.safe_load(export(g))
    new = {**document["registrations"][0], "name": "second", "secret": {"env": "O4_SECRET"}}
    document["registrations"].append(new)
    document["mailboxes"][0]["registration"] = "second"
    document["apps"].append({"name": "crm", "mailboxes": [BOX]})
    done = apply(g, yaml.safe_dump(document), env={"O4_SECRET": secret})
    assert "still needs its secret" not in done.stderr and "app crm still needs its password" in done.stderr
    m = tenant.submit(letter("by the second registration"))
    g.wait_state(m, "delivered")
    document["endpoints"] = [{"name": "hook", "mailbox": BOX, "kind": "webhook", "webhook": {"url": "https://crm.example/mail"},
                              "key": {"env": "O4_KEY"}}]
    done = apply(g, yaml.safe_dump(document), env={"O4_SECRET": secret, "O4_KEY": "2short"}, check=False)
    assert done.returncode == 1 and "the key of endpoint hook was not taken" in done.stderr and "postern endpoint rotate hook" in done.stderr
    assert secret not in done.stdout + done.stderr and "2short" not in done.stdout + done.stderr
    assert g.json("endpoint", "show", "hook")["mailbox"] == BOX, "the objects are in force"


def test_what_was_agreed_to_is_what_is_made(tenant):
    """Two administrators: one looks at the difference, the other changes something, the first says yes."""
    g, local = tenant.gateway, tenant.gateway.local()
    document = {"apps": [{"name": "erp", "mailboxes": [BOX]}, {"name": "crm", "mailboxes": [BOX]}]}
    shown = local.post("apply?dry_run=1&prune=1", document)
    assert shown.status == 200 and [c["key"] for c in shown.json["changes"]] == ["crm"] and "etag" not in shown.json
    mark = shown.headers["ETag"]
    assert local.post("apply?dry_run=1", document).headers["ETag"] == mark
    assert local.put("keys/k", {"name": "k", "scopes": ["read"]}).status == 201  # no part of the document
    assert local.post("apply?dry_run=1", document, headers={"If-Match": mark}).status == 200
    assert local.put("apps/new", {"name": "new", "mailboxes": [BOX]}).status == 201
    before = state_of(g)
    refused = local.post("apply?prune=1", document, headers={"If-Match": mark})
    assert refused.status == 412 and refused.finding == "object.all-stale" and refused.json["findings"][0]["fix"], refused
    assert state_of(g) == before, "the other's app was not pruned unseen"
    again = local.post("apply?dry_run=1&prune=1", document)
    assert [(c["action"], c["key"]) for c in again.json["changes"]] == [("create", "crm"), ("remove", "new")]
    done = local.post("apply?prune=1", document, headers={"If-Match": again.headers["ETag"]})
    assert done.status == 200 and done.headers["ETag"] != mark
    assert local.post("apply?dry_run=1", document).headers["ETag"] == done.headers["ETag"]
    assert local.post("apply", document).status == 200, "who looks at no difference needs no mark"


def test_the_command_makes_what_it_showed(tenant):
    """While a person thinks at the prompt, somebody else changes something."""
    g = tenant.gateway
    path = g.world.file("d.yaml", yaml.safe_dump({"apps": [{"name": "crm", "mailboxes": [BOX]}]}))
    ours, theirs = pty.openpty()
    child = subprocess.Popen([harness.BIN, "apply", path, "-c", str(g.config)], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, env={**os.environ, **g.world.env()})
    os.close(theirs)
    assert child.stdout.readline() == "+ app crm\n"
    assert g.local().put("apps/new", {"name": "new", "mailboxes": [BOX]}).status == 201
    os.write(ours, b"y\n")
    out, err = child.communicate(timeout=60)
    os.close(ours)
    assert child.returncode == 1 and "Somebody else changed something" in err and "--dry-run" in err, err
    assert g.local().get("apps/crm").status == 404


@pytest.mark.slow
def test_killed_in_the_middle_it_is_whole_or_not_at_all(tenant):
    g = tenant.gateway
    many = [{"name": f"app{i:03}", "mailboxes": [BOX]} for i in range(300)]
    local = g.local()
    seen = set()
    for attempt in range(6):
        pid = g.roles("queue")[0]["pid"]
        c = local.connection()
        c.request("POST", "/api/v1/apply", json.dumps({"apps": many}), {"Content-Type": "application/json"})
        [local.get("queue/stats") for _ in range(attempt)]
        os.kill(pid, 9)
        c.close()
        until(lambda: g.roles("queue")[0]["state"] == "running" and g.roles("queue")[0]["pid"] != pid, "the queue is back")
        until(lambda: local.get("apps").status == 200, "it answers")
        count = len(local.get("apps").json["items"])
        assert count in (1, 301), count
        seen.add(count)
        assert local.post("apply?prune=1", {"apps": [{"name": "erp", "mailboxes": [BOX]}]}).status == 200
        assert len(local.get("apps").json["items"]) == 1
    assert seen
