"""The sandbox's Entra against the reference: endpoints, every failure of the token endpoint, scopes, tokens, certificates."""
import datetime
import json
import re
import urllib.error
import urllib.parse
import uuid

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sandbox_fixture import (APP_SCOPE, OUTLOOK, SMTP_SCOPE, box, challenge_of, claims, is_signed_by, jwt_part,  # noqa: F401
                             running_box, sign, to_base64url)

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CONTOSO = "11111111-aaaa-4444-8888-0123456789ab"


def refused(answer, code, error, status=400):
    body = answer.json
    assert (answer.status, body["error"], body["error_codes"]) == (status, error, [code]), body
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert re.search(r"\r\nTrace ID: [0-9a-f-]{36}\r\nCorrelation ID: [0-9a-f-]{36}\r\nTimestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$",
                     body["error_description"])
    assert body["trace_id"] and body["correlation_id"] and body["timestamp"].endswith("Z")
    return body


def keys_of(box):
    return box.request(box.entra(CONTOSO, "/discovery/v2.0/keys")).json["keys"]


# Discovery

@pytest.mark.parametrize("tenant, issuer", [
    (CONTOSO, CONTOSO), ("contoso.example", CONTOSO), ("common", "{tenantid}"), ("organizations", "{tenantid}"),
    ("consumers", "9188040d-6c67-4c5b-b112-36a304b66dad")])
def test_discovery(box, tenant, issuer):
    d = box.request(box.entra(tenant, "/v2.0/.well-known/openid-configuration")).json
    assert d["issuer"] == f"{box.info['https']}/{issuer}/v2.0"
    assert "code_challenge_methods_supported" not in d
    keys = box.request(d["jwks_uri"]).json["keys"]
    assert all(k["kty"] == "RSA" and k["use"] == "sig" and k["kid"] == k["x5t"] and k["x5c"] for k in keys)


def test_unknown_tenant(box):
    refused(box.request(box.entra("nowhere.example", "/v2.0/.well-known/openid-configuration")), 90002, "invalid_request")
    refused(box.token({"grant_type": "x"}, "nowhere.example"), 90002, "invalid_request")


def test_wrong_verb_and_path(box):
    assert "POST" in refused(box.request(box.entra("common", "/oauth2/v2.0/token")), 900561, "invalid_request")["error_description"]
    assert box.request(box.entra("common", "/oauth2/v2.0/nothing")).status == 404


def test_headers_have_noise(box):
    answer = box.token({})
    assert answer.headers["Cache-Control"] == "no-store, no-cache"
    assert len(answer.headers.get_all("Set-Cookie")) == 3


# Authorize

def test_code_comes_back(box):
    box.set("auto-consent", "on")
    address, params = box.authorize().location
    assert address == "http://localhost:5000/"
    assert params["state"] == "s-1" and params["session_state"] and len(params["code"]) > 1000 and params["code"].startswith("1.A")


@pytest.mark.parametrize("uri, is_good", [
    ("http://localhost", True), ("http://localhost/", True), ("http://localhost:1/", True), ("http://127.0.0.1:9/", True),
    ("http://localhost/other", False), ("https://localhost/", False), ("http://[::1]/", False), ("http://evil.example/", False),
    ("http://localhost.evil.example/", False)])
def test_redirect_uris(box, uri, is_good):
    box.set("auto-consent", "on")
    answer = box.authorize(redirect_uri=uri)
    if is_good:
        assert answer.location[0] == (uri if uri.endswith("/") else uri + "/")
    else:
        assert answer.status == 400 and "AADSTS50011" in answer.text and "Location" not in answer.headers


def test_unknown_client_stays_on_a_page(box):
    answer = box.authorize(client_id=str(uuid.uuid4()))
    assert answer.status == 400 and "AADSTS700016" in answer.text


@pytest.mark.parametrize("change, error, code", [
    ({"response_type": None}, "invalid_request", 900144), ({"response_type": "token"}, "unsupported_response_type", 70005),
    ({"response_type": "id_token"}, "unsupported_response_type", 700054), ({"scope": None}, "invalid_request", 900144),
    ({"scope": "https://nowhere.example/x"}, "invalid_resource", 500011), ({"scope": "Nonsense.Read"}, "invalid_scope", 70011),
    ({"scope": f"{OUTLOOK}.default {OUTLOOK}SMTP.Send"}, "invalid_scope", 70011),
    ({"response_mode": "telepathy"}, "invalid_request", 70007), ({"prompt": "login none"}, "invalid_request", 90023),
    ({"code_challenge": "short"}, "invalid_request", 501491),
    ({"response_type": "code id_token", "response_mode": "fragment"}, "invalid_request", 900144),
    ({"login_hint": "dave@outlook.example"}, "invalid_request", 500208),
    ({"login_hint": "carol@fabrikam.example"}, "access_denied", 50020)])
def test_authorize_refusals_go_back(box, change, error, code):
    box.set("auto-consent", "on")
    _, params = box.authorize(**change).location
    assert params["error"] == error and params["error_description"].startswith(f"AADSTS{code}: ") and params["state"] == "s-1"


def test_response_modes(box):
    box.set("auto-consent", "on")
    assert "?code=" in box.authorize(response_mode="query").headers["Location"]
    assert "/#code=" in box.authorize(response_mode="fragment").headers["Location"]
    page = box.authorize(response_mode="form_post").text
    assert 'action="http://localhost:5000/"' in page and 'name="code"' in page and 'name="state" value="s-1"' in page


def test_hybrid_flow_has_nonce(box):
    box.set("auto-consent", "on")
    _, params = box.authorize(response_type="code id_token", nonce="n-7").location
    assert claims(params["id_token"])["nonce"] == "n-7" and "code" in params


def test_prompt_none(box):
    assert box.authorize(prompt="none").location[1]["error"] == "login_required"
    box.set("auto-consent", "on")
    assert box.authorize(prompt="none").location[1]["error"] == "consent_required"
    box.code()
    assert "code" in box.authorize(prompt="none").location[1]


def test_sign_in_page(box):
    page = box.authorize(state="<&\"'>")
    assert page.status == 200 and "<script" not in page.text and "&lt;&amp;&quot;&#39;&gt;" in page.text
    assert "form-action 'self' http://localhost:5000" in page.headers["Content-Security-Policy"]
    assert 'value="shop@contoso.example" checked' in page.text and "carol@fabrikam" not in page.text
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    fields = {k: v.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&#39;", "'")
              for k, v in fields.items()}
    url = box.entra("contoso.example", "/oauth2/v2.0/authorize")
    assert box.request(url, {**fields, "answer": "accept"}).status == 400
    assert box.request(url, {**fields, "answer": "decline"}).location[1]["error"] == "access_denied"
    back = box.request(url, {**fields, "answer": "accept", "sandbox_user": "alice@contoso.example"})
    assert back.status == 303 and back.location[1]["state"] == "<&\"'>"
    token = box.redeem(back.location[1]["code"]).json
    assert claims(token["access_token"])["upn"] == "alice@contoso.example"


def test_admin_consent_policy(box):
    box.set("auto-consent", "on")
    box.set("consent.policy", "admin")
    assert "AADSTS90094" in box.authorize().location[1]["error_description"]
    query = urllib.parse.urlencode({"client_id": box.client("public")["client_id"], "redirect_uri": "http://localhost:5000/",
                                    "state": "s", "scope": f"{OUTLOOK}SMTP.Send"})
    back = box.request(box.entra("contoso.example", "/v2.0/adminconsent?" + query)).location[1]
    assert back["admin_consent"] == "True" and back["tenant"] == CONTOSO and back["state"] == "s"
    assert "code" in box.authorize().location[1]


def test_single_tenant_client_at_common(box):
    assert "AADSTS50194" in box.authorize(tenant="common").text
    refused(box.redeem("x", tenant="common"), 50194, "invalid_request")
    refused(box.redeem("x", tenant="fabrikam.example"), 700016, "unauthorized_client")


# Codes

def test_code_success(box):
    token = box.redeem(box.code(code_challenge=challenge_of(VERIFIER), code_challenge_method="S256", nonce="n"),
                       code_verifier=VERIFIER, scope=SMTP_SCOPE, client_info="1").json
    assert token["token_type"] == "Bearer" and 3590 <= token["expires_in"] <= 5400 and token["client_info"]
    assert token["scope"] == f"{OUTLOOK}SMTP.Send" and len(token["refresh_token"]) > 1000
    c = claims(token["access_token"])
    assert c["aud"] == "https://outlook.office.com" and c["scp"] == "SMTP.Send" and c["ver"] == "1.0" and c["tid"] == CONTOSO
    assert c["iss"] == f"https://sts.windows.net/{CONTOSO}/" and c["appidacr"] == "0" and c["upn"] == "shop@contoso.example"
    verified = claims(token["id_token"])
    assert is_signed_by(token["id_token"], keys_of(box))
    assert verified["aud"] == box.client("public")["client_id"] and verified["iss"] == f"{box.info['https']}/{CONTOSO}/v2.0"
    assert verified["nonce"] == "n" and verified["preferred_username"] == "shop@contoso.example" and verified["ver"] == "2.0"


def test_plain_challenge_when_method_is_left_out(box):
    assert box.redeem(box.code(code_challenge=VERIFIER), code_verifier=VERIFIER).status == 200


def test_code_is_single_use(box):
    code = box.code()
    assert box.redeem(code).status == 200
    refused(box.redeem(code), 54005, "invalid_grant")


def test_code_expires(box):
    code = box.code()
    box.advance(601)
    refused(box.redeem(code), 70008, "invalid_grant")
    box.set("code.lifetime", "1s")
    code = box.code()
    box.advance(2)
    refused(box.redeem(code), 70008, "invalid_grant")


@pytest.mark.parametrize("change, code, error", [
    ({"code_verifier": VERIFIER[:-1] + "A"}, 501481, "invalid_grant"), ({"code_verifier": None}, 50148, "invalid_grant"),
    ({"code_verifier": "short"}, 50147, "invalid_grant"), ({"redirect_uri": "http://localhost:5000"}, 500112, "invalid_grant"),
    ({"redirect_uri": "http://localhost:5001/"}, 500112, "invalid_grant"), ({"code": "garbage"}, 70000, "invalid_grant"),
    ({"code": None}, 900144, "invalid_request"), ({"scope": ""}, 28003, "invalid_scope"),
    ({"scope": f"{OUTLOOK}SMTP.Send https://graph.microsoft.com/Mail.Send.Shared"}, 28000, "invalid_scope"),
    ({"scope": f"{OUTLOOK}IMAP.AccessAsUser.All"}, 65001, "invalid_grant"), ({"resource": OUTLOOK}, 901002, "invalid_request"),
    ({"grant_type": "magic"}, 70003, "unsupported_grant_type"), ({"grant_type": None}, 900144, "invalid_request")])
def test_code_failures(box, change, code, error):
    fields = {"code_verifier": VERIFIER, **change}
    fields.setdefault("code", box.code(code_challenge=challenge_of(VERIFIER), code_challenge_method="S256"))
    refused(box.redeem(**fields), code, error)


def test_code_at_another_tenant(box):
    code = box.code("everyone", tenant="fabrikam.example", login_hint="carol@fabrikam.example")
    refused(box.redeem(code, "everyone", tenant="contoso.example"), 700005, "invalid_grant")


def test_client_credentials_of_clients(box):
    refused(box.redeem(box.code(), client_secret="x"), 700025, "invalid_client", 401)
    refused(box.redeem(box.code("web"), "web", client_secret=None), 7000218, "invalid_client", 401)
    refused(box.redeem(box.code("web"), "web", client_secret="wrong"), 7000215, "invalid_client", 401)
    refused(box.redeem(box.code("web"), "web", client_secret=box.client("web")["secret_id"]), 7000215, "invalid_client", 401)
    assert box.redeem(box.code("web"), "web").status == 200
    box.set("client.secret", box.client("web")["client_id"] + "=expired")
    refused(box.redeem(box.code("web"), "web"), 7000222, "invalid_client", 401)


def test_basic_authentication_of_the_client(box):
    import base64
    c = box.client("web")
    pair = f"{urllib.parse.quote(c['client_id'], safe='')}:{urllib.parse.quote(c['secret'], safe='')}"
    header = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    assert box.redeem(box.code("web"), "web", client_secret=None, headers=header).status == 200
    refused(box.redeem(box.code("web"), "web", headers=header), 90023, "invalid_request")


def test_spa_rules(box):
    spa = {"redirect_uri": "http://localhost:5000/spa"}
    refused(box.redeem(box.code("web", **spa), "web", client_secret=None, **spa), 9002327, "invalid_request")
    origin = {"Origin": "http://localhost:5000"}
    assert box.redeem(box.code("web", **spa), "web", client_secret=None, headers=origin, **spa).status == 200
    refused(box.redeem(box.code(), headers=origin), 9002326, "invalid_request")


def test_malformed_bodies(box):
    refused(box.token("grant_type=%zz"), 9002313, "invalid_request")
    refused(box.token("grant_type=a&grant_type=b"), 9002313, "invalid_request")
    refused(box.token(json.dumps({"grant_type": "refresh_token"}), headers={"Content-Type": "application/json"}), 900144,
            "invalid_request")


def test_bytes_that_are_no_text(box):
    answer = box.token(b"grant_type=client_credentials&scope=x&client_id=%ff%fe")
    assert answer.status == 400 and "'??'" in refused(answer, 700016, "unauthorized_client")["error_description"]
    assert box.request(box.entra("contoso.example", "/oauth2/v2.0/authorize?client_id=%ff%fe")).status == 400
    assert box.request(box.entra("%ff", "/oauth2/v2.0/token"), {"a": "b"}).status == 400
    assert box.api("/api/log")["items"]


# Scopes

def test_first_scope_decides_the_audience(box):
    box.set("auto-consent", "on")
    for scope, audience in ((f"{OUTLOOK}SMTP.Send Mail.Read", "https://outlook.office.com"),
                            (f"Mail.Read {OUTLOOK}SMTP.Send", "https://graph.microsoft.com"),
                            ("SMTP.Send", "https://graph.microsoft.com")):
        token = box.redeem(box.code(scope=scope + " offline_access"), scope=scope).json
        assert claims(token["access_token"])["aud"] == audience


def test_one_refresh_token_for_two_resources(box):
    scope = f"{OUTLOOK}SMTP.Send https://graph.microsoft.com/User.Read offline_access"
    first = box.redeem(box.code(scope=scope), scope=f"{OUTLOOK}SMTP.Send offline_access").json
    graph = box.refresh(first["refresh_token"], scope="https://graph.microsoft.com/User.Read").json
    assert claims(graph["access_token"])["aud"] == "https://graph.microsoft.com"


def test_scope_echo_has_earlier_consents(box):
    box.code(scope=f"{OUTLOOK}IMAP.AccessAsUser.All")
    token = box.sign_in()
    assert token["scope"].split() == [f"{OUTLOOK}SMTP.Send", f"{OUTLOOK}IMAP.AccessAsUser.All"]
    box.set("scope.echo", "asked")
    assert box.refresh(token["refresh_token"]).json["scope"] == f"{OUTLOOK}SMTP.Send"
    box.set("scope.echo", "office365")
    assert box.refresh(token["refresh_token"]).json["scope"].startswith("https://outlook.office365.com/")


def test_without_offline_access_no_refresh_token(box):
    assert "refresh_token" not in box.sign_in(scope=f"{OUTLOOK}SMTP.Send")


# Refresh

def test_refresh_rotates_and_keeps_the_old(box):
    old = box.sign_in()["refresh_token"]
    new = box.refresh(old).json["refresh_token"]
    assert new != old
    assert box.refresh(old).status == 200 and box.refresh(new).status == 200
    box.set("refresh.rotate", "off")
    assert "refresh_token" not in box.refresh(old).json
    assert box.api("/api/state")["counters"]["refreshes"] == 4


def test_refresh_token_dies_of_disuse(box):
    token = box.sign_in()["refresh_token"]
    box.advance(60 * 86400)
    assert box.refresh(token).status == 200
    box.advance(60 * 86400)
    assert box.refresh(token).status == 200
    box.advance(91 * 86400)
    body = refused(box.refresh(token), 700082, "invalid_grant")
    assert "90.00:00:00" in body["error_description"] and body["suberror"] == "token_expired"


def test_revocation(box):
    token = box.sign_in()["refresh_token"]
    other = box.sign_in(user="alice@contoso.example")["refresh_token"]
    box.set("revoke", "shop@contoso.example")
    refused(box.refresh(token), 50173, "invalid_grant")
    assert box.refresh(other).status == 200
    box.advance(1)
    assert box.refresh(box.sign_in()["refresh_token"]).status == 200


def test_consent_removed(box):
    token = box.sign_in()["refresh_token"]
    box.set("consent.remove", "shop@contoso.example")
    assert refused(box.refresh(token), 65001, "invalid_grant")["suberror"] == "consent_required"


@pytest.mark.parametrize("state, code, error", [
    ("disabled", 50057, "invalid_grant"), ("deleted", 50034, "invalid_grant"), ("locked", 50053, "invalid_grant"),
    ("mfa", 50076, "interaction_required"), ("mfa-registration", 50079, "interaction_required"),
    ("password-expired", 50055, "invalid_grant"), ("sign-in-frequency", 70043, "invalid_grant"),
    ("blocked-by-policy", 53003, "interaction_required"), ("device-required", 53000, "interaction_required"),
    ("risk", 53011, "interaction_required"), ("unassigned", 50105, "interaction_required")])
def test_user_states(box, state, code, error):
    token = box.sign_in()["refresh_token"]
    box.set("user.state", f"shop@contoso.example={state}")
    refused(box.refresh(token), code, error)


def test_refresh_refusals(box):
    token = box.sign_in()["refresh_token"]
    refused(box.refresh("nonsense"), 70000, "invalid_grant")
    refused(box.refresh(""), 900144, "invalid_request")
    refused(box.refresh(token, scope=f"{OUTLOOK}IMAP.AccessAsUser.All"), 65001, "invalid_grant")
    other = box.client("no-device")["client_id"]
    body = box.token({"client_id": other, "grant_type": "refresh_token", "refresh_token": token}).json
    assert body["error"] == "invalid_grant" and body["suberror"] == "client_mismatch"
    box.set("client.state", box.client("public")["client_id"] + "=disabled")
    refused(box.refresh(token), 7000112, "unauthorized_client")


def test_personal_account(box):
    token = box.sign_in("everyone", "dave@outlook.example", "common")
    assert token["access_token"].startswith("EwB") and token["access_token"].count(".") == 0
    assert token["refresh_token"].startswith("M.")
    assert claims(token["id_token"])["tid"] == "9188040d-6c67-4c5b-b112-36a304b66dad"
    refused(box.refresh(token["refresh_token"], "everyone", "common", scope=f"{OUTLOOK}POP.AccessAsUser.All"), 70000,
            "invalid_grant")


# Device code

def start_device(box, client="public", tenant="contoso.example", scope=SMTP_SCOPE):
    return box.request(box.entra(tenant, "/oauth2/v2.0/devicecode"), {"client_id": box.client(client)["client_id"], "scope": scope})


def poll(box, device_code, client="public", tenant="contoso.example"):
    return box.token({"client_id": box.client(client)["client_id"], "device_code": device_code,
                      "grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, tenant)


def test_device_by_hand(box):
    d = start_device(box).json
    assert d["expires_in"] == 900 and d["interval"] == 5 and d["user_code"] in d["message"]
    assert "verification_uri_complete" not in d
    refused(poll(box, d["device_code"]), 70016, "authorization_pending")
    refused(poll(box, d["device_code"]), 70016, "slow_down")
    assert "Enter the code" in box.request(d["verification_uri"]).text
    assert box.request(d["verification_uri"], {"user_code": "WRONG"}).status == 400
    shown = box.request(d["verification_uri"], {"user_code": d["user_code"].lower()}).text
    assert "alice@contoso.example" in shown and "SMTP.Send" in shown
    done = box.request(d["verification_uri"], {"user_code": d["user_code"], "answer": "accept",
                                               "sandbox_user": "alice@contoso.example"})
    assert "Signed in" in done.text
    box.advance(5)
    token = poll(box, d["device_code"]).json
    assert claims(token["access_token"])["upn"] == "alice@contoso.example" and token["refresh_token"]
    refused(poll(box, d["device_code"]), 70018, "bad_verification_code")


def test_device_automatically(box):
    box.set("auto-device", "approve")
    assert poll(box, start_device(box).json["device_code"]).status == 200
    box.set("auto-device", "decline")
    refused(poll(box, start_device(box).json["device_code"]), 65004, "authorization_declined")


def test_device_failures(box):
    refused(poll(box, "nonsense"), 70018, "bad_verification_code")
    d = start_device(box).json
    box.advance(901)
    refused(poll(box, d["device_code"]), 70020, "expired_token")
    refused(start_device(box, scope=f"{OUTLOOK}SMTP.Send https://graph.microsoft.com/Mail.Send.Shared"), 28000, "invalid_scope")
    refused(poll(box, start_device(box, "no-device").json["device_code"], "no-device"), 7000218, "invalid_client", 401)
    box.set("auto-device", "approve")
    box.set("user.state", "shop@contoso.example=blocked-by-policy")
    refused(poll(box, start_device(box).json["device_code"]), 53003, "interaction_required")


# Client credentials

def test_app_token(box):
    token = box.app_token().json
    assert set(token) == {"token_type", "access_token", "expires_in", "ext_expires_in"}
    c = claims(token["access_token"])
    assert c["roles"] == ["SMTP.SendAsApp", "IMAP.AccessAsApp", "POP.AccessAsApp"] and c["idtyp"] == "app" and "scp" not in c
    assert c["oid"] == c["sub"] == box.client("app")["object_id"] and c["appidacr"] == "1"
    assert "roles" not in claims(box.app_token("rbac").json["access_token"])


def test_app_failures(box):
    refused(box.app_token(client_secret=None), 7000218, "invalid_client", 401)
    refused(box.app_token(client_secret="wrong"), 7000215, "invalid_client", 401)
    refused(box.app_token(client_id=str(uuid.uuid4())), 700016, "unauthorized_client")
    refused(box.app_token(scope=f"{OUTLOOK}SMTP.Send"), 1002012, "invalid_scope")
    refused(box.app_token(scope=APP_SCOPE + " openid"), 1002012, "invalid_scope")
    refused(box.app_token(scope=APP_SCOPE + " https://graph.microsoft.com/.default"), 70011, "invalid_scope")
    refused(box.app_token(scope="https://nowhere.example/.default"), 500011, "invalid_resource")
    refused(box.token({"client_id": box.client("app")["client_id"], "grant_type": "client_credentials", "scope": APP_SCOPE},
                      "common"), 50059, "invalid_request")


class Certificate:
    def __init__(self, key=None):
        self.key = key or rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        now = datetime.datetime(2026, 1, 1)
        self.certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
                            .serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=3650))
                            .sign(self.key, hashes.SHA256()))
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def thumbprint(self, algorithm):
        return to_base64url(self.certificate.fingerprint(algorithm))


@pytest.fixture(scope="module")
def certificate():
    return Certificate()


def assertion(box, certificate, alg="PS256", header=None, **changes):
    client = box.client("app")
    now = box.api("/api/state")["now_ms"] // 1000
    payload = {"aud": box.entra(client["tenant"], "/oauth2/v2.0/token"), "iss": client["client_id"], "sub": client["client_id"],
               "jti": str(uuid.uuid4()), "nbf": now, "iat": now, "exp": now + 600, **changes}
    thumb = {"x5t#S256": certificate.thumbprint(hashes.SHA256())}
    if alg == "RS256":
        thumb = {"x5t": certificate.thumbprint(hashes.SHA1()) + "="}
    return sign(payload, certificate.key, alg, header or thumb)


def with_assertion(box, text):
    return box.app_token(client_secret=None, client_assertion=text,
                         client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer")


@pytest.fixture
def uploaded(box, certificate):
    box.set("certificate", f"{box.client('app')['client_id']}={certificate.pem}")
    return certificate


@pytest.mark.parametrize("alg", ["PS256", "RS256"])
def test_assertion(box, uploaded, alg):
    answer = with_assertion(box, assertion(box, uploaded, alg))
    assert answer.status == 200, answer.text
    assert claims(answer.json["access_token"])["appidacr"] == "2"


@pytest.mark.parametrize("changes, code", [
    ({"aud": "https://elsewhere.example/"}, 700023), ({"sub": str(uuid.uuid4())}, 50048), ({"exp": 1000}, 700024),
    ({"nbf": 4000000000, "exp": 4000000600}, 700024), ({"exp": 4000000000}, 700024), ({"jti": ""}, 50012)])
def test_assertion_claims(box, uploaded, changes, code):
    refused(with_assertion(box, assertion(box, uploaded, **changes)), code, "invalid_client", 401)


def test_assertion_of_another_client(box, uploaded):
    other = box.client("rbac")["client_id"]
    refused(with_assertion(box, assertion(box, uploaded, iss=other, sub=other)), 50027, "invalid_client", 401)


def test_assertion_is_not_replayed(box, uploaded):
    text = assertion(box, uploaded)
    assert with_assertion(box, text).status == 200
    refused(with_assertion(box, text), 50012, "invalid_client", 401)


def test_assertion_signatures(box, certificate):
    refused(with_assertion(box, assertion(box, certificate)), 700027, "invalid_client", 401)
    box.set("certificate.auto", "on")
    assert with_assertion(box, assertion(box, certificate)).status == 200
    box.set("certificate.auto", "off")
    box.set("certificate", f"{box.client('app')['client_id']}={certificate.pem}")
    forged = assertion(box, Certificate(), header={"x5t#S256": certificate.thumbprint(hashes.SHA256())})
    refused(with_assertion(box, forged), 700027, "invalid_client", 401)
    curve = Certificate(ec.generate_private_key(ec.SECP256R1()))
    body = refused(with_assertion(box, assertion(box, curve, "ES256")), 700027, "invalid_client", 401)
    assert "Unsupported asymmetric signing algorithm" in body["error_description"]
    refused(with_assertion(box, "not.a.jwt"), 50027, "invalid_client", 401)
    box.set("certificate", f"{box.client('app')['client_id']}=none")
    refused(with_assertion(box, assertion(box, certificate)), 700027, "invalid_client", 401)


# Switches of the token endpoint

@pytest.mark.parametrize("fault, status", [("429", 429), ("500", 500), ("503", 503), ("html", 200), ("empty", 200),
                                           ("not-json", 200), ("no-access-token", 200), ("wrong-type", 200), ("huge", 200)])
def test_idp_faults(box, fault, status):
    box.set("idp.fault", fault, uses=1)
    answer = box.app_token()
    assert answer.status == status
    assert answer.headers.get("Retry-After") == ("7" if status in (429, 503) else None)
    assert box.app_token().status == 200


def test_closed_connection(box):
    box.set("idp.fault", "close", uses=1)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        box.app_token()
    assert box.app_token().status == 200


def test_no_answer_stops_nobody_else(box):
    box.set("idp.fault", "no-answer", uses=1)
    import threading
    import urllib.request

    def ask():
        try:
            box.opener.open(urllib.request.Request(box.entra(CONTOSO, "/oauth2/v2.0/token"), b"grant_type=x"), timeout=1)
        except (urllib.error.URLError, TimeoutError):
            pass
    waiting = threading.Thread(target=ask)
    waiting.start()
    box.wait(lambda: box.api("/api/switches/idp.fault")["value"] == "none", "the request arrived")
    assert box.app_token().status == 200
    waiting.join()


def test_faults_elsewhere(box):
    box.set("idp.fault-at", "keys,discovery")
    box.set("idp.fault", "503")
    assert box.request(box.entra(CONTOSO, "/discovery/v2.0/keys")).status == 503
    assert box.app_token().status == 200


@pytest.mark.parametrize("code, error, status", [
    (50076, "interaction_required", 400), (7000222, "invalid_client", 401), (90033, "temporarily_unavailable", 503),
    (50196, "invalid_grant", 400), (530035, "interaction_required", 400)])
def test_any_error_can_be_forced(box, code, error, status):
    box.set("token.error", code, uses=1)
    refused(box.app_token(), code, error, status)
    assert box.app_token().status == 200


def test_claims_challenge_and_tail(box):
    box.set("token.error", 50076)
    box.set("token.claims", '{"access_token":{"capolids":{"essential":true,"values":["x"]}}}')
    box.set("error.tail", "spaces")
    body = box.app_token().json
    assert json.loads(body["claims"])["access_token"] and body["suberror"] == "basic_action"
    assert "\r" not in body["error_description"] and " Trace ID: " in body["error_description"]


def test_token_size_lifetime_and_numbers(box):
    for size in (1, 4, 12):
        box.set("token.size", size)
        length = len(box.app_token().json["access_token"])
        assert length <= max(size * 1024, 1500) and (size < 2 or length > size * 1024 - 200)
    box.set("token.lifetime", "5s")
    box.set("token.numbers", "strings")
    token = box.app_token().json
    assert token["expires_in"] == "4"


def test_keys_roll_over(box):
    before = {k["kid"] for k in keys_of(box)}
    box.set("jwks.rollover", "keep")
    after = {k["kid"] for k in keys_of(box)}
    assert before < after
    kid = jwt_part(box.app_token().json["access_token"], 0)["kid"]
    assert kid in after - before
    box.set("jwks.rollover", "drop")
    assert len(keys_of(box)) == 1


@pytest.mark.parametrize("lie", ["signature", "issuer", "audience", "nonce", "expired", "tenant", "user", "alg-none"])
def test_id_token_lies(box, lie):
    code = box.code(nonce="n")
    box.set("id-token.lie", lie, uses=1)
    text = box.redeem(code).json["id_token"]
    got = claims(text)
    wrong = {"signature": not is_signed_by(text, keys_of(box)), "alg-none": jwt_part(text, 0)["alg"] == "none",
             "issuer": got["iss"] != f"{box.info['https']}/{CONTOSO}/v2.0", "nonce": got["nonce"] != "n",
             "audience": got["aud"] != box.client("public")["client_id"], "tenant": got["tid"] != CONTOSO,
             "expired": got["exp"] * 1000 < box.api("/api/state")["now_ms"],
             "user": got["preferred_username"] != "shop@contoso.example"}
    assert {k for k, v in wrong.items() if v} - {"signature"} == {lie} - {"signature"}
    assert wrong["signature"] == (lie in ("signature", "alg-none"))


def test_propagation(box):
    box.set("propagation", "10m")
    box.set("client.secret", box.client("app")["client_id"] + "=expired")
    assert box.app_token().status == 200
    box.advance(601)
    refused(box.app_token(), 7000222, "invalid_client", 401)
