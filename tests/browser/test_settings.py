"""Settings: people and their passwords, keys that are shown once, who changed what, and all of it as one document."""
import pytest

from scene import PASSWORDS, Scene


@pytest.fixture(scope="module")
def scene(world):
    s = Scene(world)
    s.provider()
    s.registration("m365", "app")
    return s


def test_a_key_is_shown_once_and_holds(person, scene):
    person.go("/settings/keys").follow("Make a key").fill("Name", "reporting").choose("Send mail", False).choose("See everything").press("Make a key")
    key = person.shown_secret()
    assert key.startswith("postern.reporting.") and len(key) > 50
    person.press("I have copied it").is_at("/settings/keys").sees("reporting")
    assert scene.gateway.console(bearer=key).get("mailboxes").status == 200
    assert scene.gateway.console(bearer=key).post("reload").status == 403, "only what it may"
    person.go("/settings/keys/reporting")
    assert key not in person.js("return document.documentElement.outerHTML"), "and never again"
    person.press("New secret").sees("Make reporting anew?").press("Make it")
    newer = person.shown_secret()
    person.press("I have copied it")
    assert newer != key and scene.gateway.console(bearer=key).get("mailboxes").status == 401
    assert scene.gateway.console(bearer=newer).get("mailboxes").status == 200


def test_an_operator_is_added_and_comes_in(person, scene):
    person.expects(422)
    person.go("/settings/operators").follow("Add an operator").fill("Name", "petra").choose("Operator").press("Add an operator")
    person.sees("Password of petra").fill("New password", "short").press("Set the password").sees("too easy to guess")
    person.fill("New password", "two-wooden-horses").press("Set the password").is_at("/settings/operators").sees("petra")
    console = scene.gateway.console()
    assert console.sign_in("petra", "two-wooden-horses").json["role"] == "operator"


def test_the_last_administrator_stays(person, scene):
    person.expects(409, 422)
    person.go("/settings/operators/anna").press("Remove").press("Remove")
    person.until(lambda: "administrator" in person.js("return document.getElementById('toasts').innerText"), "why not")
    assert scene.session("anna").get("operators/anna").status == 200


def test_who_changed_what_is_kept(person, scene):
    person.go("/settings/registrations/m365").fill("Application (client) ID", "2d0f0a52-4e9c-4d10-9f0c-0f6f1f6e9d11").press("Save").is_at("/settings/registrations/m365").sees("m365 is saved")
    person.go("/settings/audit").sees("m365", "anna", "client_id", "2d0f0a52-4e9c-4d10-9f0c-0f6f1f6e9d11")
    person.go("/settings/audit?kind=key").sees_not("client_id")


def test_two_administrators_lose_nothing(person, scene):
    """The later of two changes to the same thing is told of the earlier one."""
    person.expects(412)
    person.go("/settings/registrations/m365")
    changed = scene.session("anna").patch("registrations/m365", {"tenant": "fabrikam.example"})
    assert changed.status == 200, changed
    mine = "7a3d1f3e-1111-4222-8333-944455556666"
    person.fill("Application (client) ID", mine).press("Save").sees("Somebody else changed this meanwhile", "Directory (tenant) ID: now fabrikam.example")
    assert scene.session("anna").get("registrations/m365").json["client_id"] != mine
    assert (person.value("Application (client) ID"), person.value("Directory (tenant) ID")) == (mine, "fabrikam.example"), "what was typed stays, and theirs is there"
    assert scene.session("anna").patch("registrations/m365", {"client_id": "8b3d1f3e-1111-4222-8333-944455556666"}).status == 200
    person.press("Save").sees("Application (client) ID: now 8b3d1f3e", "Yours still stands in the field")
    person.press("Save").sees("m365 is saved")
    saved = scene.session("anna").get("registrations/m365").json
    assert (saved["client_id"], saved["tenant"]) == (mine, "fabrikam.example")


def test_a_name_that_is_taken_is_said_at_its_field(person, scene):
    person.expects(409)
    person.go("/settings/registrations/+").fill("Name", "m365").fill("Provider", "sandbox").fill("Application (client) ID", "x").press("Add")
    person.sees("There is one of that name already.")
    assert person.js("return document.activeElement.name") == "name"


def test_all_of_it_as_one_document(person, scene):
    answer = scene.session("anna").get("export")
    assert answer.status == 200 and "m365" in answer.text, answer
    document = answer.text
    person.go("/settings/apply").fill("Document", document.replace("fabrikam.example", "contoso.example")).press("Show what would change")
    person.sees("Difference", "registration m365", "tenant").press("Apply 1 change").sees("All of it is applied")
    assert scene.session("anna").get("registrations/m365").json["tenant"] == "contoso.example"


def test_a_document_that_is_refused_changes_nothing(person, scene):
    person.expects(422)
    anna = scene.session("anna")
    before = anna.get("export").text
    person.go("/settings/apply").fill("Document", "mailboxes:\n- address: shop@contoso.example\n  registration: nobody-made-it\n  grant: code\n").press("Show what would change")
    person.sees("nobody-made-it").sees_not("Difference")
    person.fill("Document", before.replace("contoso.example", "northwind.example")).press("Show what would change").sees("Difference")
    assert anna.patch("registrations/m365", {"secret_expires": "2027-05-01"}).status == 200
    person.expects(412)
    person.press("Apply 1 change").sees("Somebody else changed this meanwhile")
    assert anna.get("registrations/m365").json["tenant"] == "contoso.example", "what was shown is not what would be done: nothing is"


def test_a_change_in_a_group_is_told_by_the_fields_whole_name(person, scene):
    anna = scene.session("anna")
    assert anna.patch("registrations/m365", {"secret_expires": ""}).status == 200
    assert anna.patch("providers/sandbox", {"limits": {"connections": 2}}).status == 200
    assert anna.patch("providers/sandbox", {"limits": {"connections": 9}}).status == 200
    person.go("/settings/audit?kind=provider").sees("limits.connections: 2 \u2192 9")
    document = anna.get("export").text
    assert "connections: 9" in document
    person.go("/settings/apply").fill("Document", document.replace("connections: 9", "connections: 8")).press("Show what would change")
    person.sees("limits.connections: 9 \u2192 8")
    assert person.window(360).too_wide() is None
    person.window(1400)


def test_a_document_leads_to_the_secrets_it_lacks(person, scene):
    document = scene.session("anna").get("export").text
    person.go("/settings/apply").fill("Document", document.replace("m365", "portal")).press("Show what would change").sees("Difference").press("Apply 1 change")
    person.sees("All of it is applied", "These have to be given a secret afterwards:").follow("portal").is_at("/settings/registrations/portal")


def test_a_web_server_that_nobody_named_is_shown(person, scene):
    assert scene.gateway.console().get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status == 401
    person.go("/").sees("127.0.0.1", 'console: { proxy: ["127.0.0.1"] }').follow("Mend it").is_at("/settings/configuration").sees("Reload the file")
    person.check()


def test_who_only_looks_changes_nothing(reader, scene):
    for path, buttons in (("/settings/operators", ["Add an operator"]), ("/settings/keys", ["Make a key"]), ("/settings/registrations", ["Add a registration"]),
                          ("/settings/registrations/m365", ["Save", "Remove"]), ("/settings/configuration", ["Reload the file"]), ("/settings/apply", ["Show what would change"])):
        reader.go(path)
        there = [b for b in buttons if reader.finds("button", b)]
        assert not there, f"{there} on {path}"


def test_the_own_password_needs_the_present_one(person, scene):
    person.expects(401, 403, 422)
    newer = "a-bridge-of-8-planks"
    person.go("/settings/operators/anna").press("Set a password").fill("Present password", "not-this-one-12").fill("New password", newer).press("Set the password")
    person.sees("the present password is wrong").sees_not("Your session has ended").fill("Present password", PASSWORDS["anna"]).press("Set the password").sees("anna has a new password")
    assert scene.gateway.console().sign_in("anna", newer).status == 200
    assert scene.gateway.console().sign_in("anna", PASSWORDS["anna"]).status == 401
