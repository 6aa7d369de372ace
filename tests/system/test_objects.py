"""Objects by the API: marks against lost updates, pages of long lists."""
import concurrent.futures


def put_app(local, name, **headers):
    return local.put(f"apps/{name}", {"name": name, "mailboxes": ["shop@contoso.example"]}, headers=headers)


def test_two_administrators_lose_no_update(tenant):
    local = tenant.gateway.local()
    seen = local.get("apps/erp")
    mark = seen.headers["ETag"]
    assert mark.startswith('"') and "etag" not in seen.json
    first = local.patch("apps/erp", {"any_sender": True}, headers={"If-Match": mark})
    assert first.status == 200 and first.headers["ETag"] != mark
    second = local.patch("apps/erp", {"allow": ["smtp"]}, headers={"If-Match": mark})
    assert second.status == 412 and second.finding == "object.stale"
    assert second.json["current"]["any_sender"] is True and second.headers["ETag"] == first.headers["ETag"]
    assert local.put("apps/erp", {**seen.json}, headers={"If-Match": mark}).status == 412
    assert local.delete("apps/erp", headers={"If-Match": mark}).status == 412
    assert local.get("apps/erp").json["allow"] == []
    assert local.patch("apps/erp", {"allow": ["smtp"]}, headers={"If-Match": f'"x", {first.headers["ETag"]}'}).status == 200
    assert local.patch("apps/erp", {"any_sender": None}, headers={"If-Match": "*"}).status == 200
    assert local.patch("apps/erp", {"any_sender": None}, headers={"If-Match": 'W/"1"'}).status == 412
    assert put_app(local, "ghost", **{"If-Match": "*"}).status == 412, "it was to be changed, not made"
    assert local.get("apps/ghost").status == 404
    # Back to an earlier state is that state.
    local.patch("apps/erp", {"allow": []})
    assert local.get("apps/erp").headers["ETag"] == mark
    assert local.get("apps/erp", headers={"If-None-Match": mark}).status == 304
    assert local.delete("apps/erp", headers={"If-Match": mark}).status == 204


def test_of_many_at_once_one_wins(tenant):
    local = tenant.gateway.local()
    mark = local.get("mailboxes/shop@contoso.example").headers["ETag"]

    def change(n):
        return local.patch("mailboxes/shop@contoso.example", {"limits": {"connections": n}}, headers={"If-Match": mark}).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(change, range(1, 9))) == [200] + [412] * 7


def test_the_name_in_the_path_is_enough(tenant):
    local = tenant.gateway.local()
    answer = local.put("apps/Scanner", {"mailboxes": [tenant.MAILBOX]})
    assert answer.status == 201 and answer.json["name"] == "Scanner"
    answer = local.put("apps/scanner", {"mailboxes": [tenant.MAILBOX], "any_sender": True})
    assert answer.status == 200 and answer.json["name"] == "Scanner" and answer.json["any_sender"]
    other = local.put("apps/scanner", {"name": "Printer", "mailboxes": [tenant.MAILBOX]})
    assert other.status == 422 and "Printer" in other.json["detail"]
    for nothing in (None, 7, ""):
        assert local.put("apps/scanner", {"name": nothing, "mailboxes": [tenant.MAILBOX]}).status == 422, nothing
    assert local.put("apps/scanner", b"").status == 400 and local.get("apps/Printer").status == 404
    assert local.get("apps/scanner").json == answer.json
    assert local.put("mailboxes/desk@contoso.example", {"registration": "m365", "grant": "app"}).json["address"] == "desk@contoso.example"


def test_a_mailbox_has_no_protocol_that_no_provider_speaks(tenant):
    refused = tenant.gateway.local().patch("mailboxes/shop@contoso.example", {"protocols": ["http"]})
    assert refused.status == 422 and "smtp, imap, pop3" in refused.json["detail"] and "http" not in refused.json["detail"]
    assert tenant.gateway.local().get("mailboxes/shop@contoso.example").json["protocols"] == []


def test_long_lists_come_in_pages(tenant):
    local = tenant.gateway.local()
    names = sorted(["erp"] + [f"App{i:02}" for i in range(25)], key=str.lower)
    for name in names:
        assert put_app(local, name).status in (200, 201)
    whole = local.get("apps").json
    assert [a["name"] for a in whole["items"]] == names and whole["next"] is None
    assert all(local.get(f"apps/{a['name']}").headers["ETag"] == f'"{a["etag"]}"' for a in whole["items"][:3])
    found, cursor = [], ""
    while cursor is not None:
        page = local.get(f"apps?limit=7&cursor={cursor}").json
        assert 0 < len(page["items"]) <= 7
        found += [a["name"] for a in page["items"]]
        cursor = page["next"]
    assert found == names
    assert local.get("apps?limit=0").status == 400 and local.get("apps?limit=x").status == 400
    assert [a["name"] for a in tenant.gateway.json("app", "list")["items"]] == names


def test_the_command_looks_before_it_changes(tenant):
    tenant.gateway.cli("app", "set", "erp", "--any-sender")
    assert tenant.gateway.json("app", "show", "erp")["any_sender"] is True
