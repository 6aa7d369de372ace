"""What Postern says of itself, for forms and pages: fields, settings, findings."""
import http.client
import json
import socket

from harness import Gateway, Tenant


class Local(http.client.HTTPConnection):
    """The API on the admin socket."""

    def __init__(self, gateway):
        super().__init__("localhost")
        self.path = str(gateway.state / "admin.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def get(self, path):
        self.request("GET", f"/api/v1/{path}")
        answer = self.getresponse()
        return answer.status, json.loads(answer.read())


def leaf(value, key):
    for part in key.split("."):
        value = value[part]
    return value


def test_fields_are_those_of_the_objects(world):
    tenant = Tenant(world)
    api = Local(tenant.gateway)
    status, kinds = api.get("fields")
    assert status == 200 and {"provider", "registration", "mailbox", "app", "endpoint"} <= kinds.keys()
    _, mailbox = api.get(f"mailboxes/{tenant.MAILBOX}")
    for field in kinds["mailbox"]:
        leaf(mailbox, field["key"])
        assert field["help"].endswith("."), field
    assert next(f for f in kinds["mailbox"] if f["key"] == "address")["is_required"]
    assert next(f for f in kinds["mailbox"] if f["key"] == "smtp.port")["range"] == "0 to 65535"


def test_settings_stand_there_without_passwords(world):
    gateway = Gateway(world, 'token: { proxy: "http://anna:sesame@127.0.0.1:9/", timeout: 7s }')
    status, config = Local(gateway).get("config")
    assert status == 200 and config["file"] == str(gateway.config)
    values = {s["name"]: s["value"] for s in config["settings"]}
    assert values["token.timeout"] == "7s" and values["token.proxy"] == "http://(hidden)@127.0.0.1:9/"
    assert "sesame" not in json.dumps(config)
    assert config["listeners"][0]["protocol"] == "smtp"


def test_a_finding_speaks_of_its_mailbox(world):
    tenant = Tenant(world)
    status, finding = Local(tenant.gateway).get(f"findings/smtp.auth.disabled-mailbox?mailbox={tenant.MAILBOX}&seen=535")
    assert status == 200 and finding["seen"] == "535" and finding["who"] == "admin"
    assert any(f"-Identity {tenant.MAILBOX}" in step for step in finding["fix"])
    status, problem = Local(tenant.gateway).get("findings/no.such")
    assert status == 404 and "no.such" in problem["detail"]


def test_a_finding_speaks_of_its_registration(world):
    tenant = Tenant(world)
    client = tenant.registration_of("app")["client_id"]
    for asked in ("registration=m365", f"mailbox={tenant.MAILBOX}"):
        _, finding = Local(tenant.gateway).get(f"findings/oauth.secret-expired?{asked}")
        assert any(client in step for step in finding["fix"]), asked
