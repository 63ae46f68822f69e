"""Signing in: tokens, sessions, and who may act as whom."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from queue_store.model import Role
from review_app.access import NoTokens, check_binding
from review_app.config import ReviewConfig
from review_app.errors import InsecureBindError


@pytest.fixture
def ann(reviewer_tokens):
    """Ann's token."""
    _, text = reviewer_tokens.create("default", now=1, person="ann")
    return text


def signed_in(client, token):
    answer = client.post("/api/session", json={"token": token})
    assert answer.status_code == 200, answer.text
    return answer


def test_without_tokens_everybody_is_believed(client):
    assert client.get("/api/session").json() == {"needs_token": False, "person": None}
    assert client.get("/api/queues").status_code == 200


def test_with_the_first_token_every_call_needs_one(client, ann):
    assert client.get("/api/session").json() == {"needs_token": True, "person": None}
    for path in ("/api/queues", "/api/v1/queues", "/api/issues"):
        refused = client.get(path)
        assert (refused.status_code, refused.json()["error"]) == (401, "NotSignedIn")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.headers["cache-control"] == "no-store"
    assert client.get("/").status_code == 200
    by_token = client.get("/api/v1/queues", headers={"authorization": f"Bearer {ann}"})
    assert by_token.status_code == 200


def test_a_session_is_a_cookie_that_no_script_and_no_other_site_can_use(client, ann, clock):
    cookie = signed_in(client, ann).headers["set-cookie"]

    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert ann not in cookie
    assert client.get("/api/session").json()["person"] == "ann"
    assert client.get("/api/queues").status_code == 200
    clock.pass_time(seconds=3601)
    assert client.get("/api/queues").status_code == 401


def test_signing_out_and_revoking_end_the_session(client, ann, reviewer_tokens):
    signed_in(client, ann)
    client.delete("/api/session")
    assert client.get("/api/queues").status_code == 401
    signed_in(client, ann)
    assert client.get("/api/queues").status_code == 200
    reviewer_tokens.revoke(ann.split("_")[1], now=2)
    assert client.get("/api/queues").status_code == 401
    assert client.post("/api/session", json={"token": ann}).status_code == 401


@pytest.mark.parametrize("token", ["", "sdr_", "sdr_0_0", "nonsense", 5, None])
def test_what_is_no_token_signs_nobody_in(client, ann, token):
    assert client.post("/api/session", json={"token": token}).status_code == 401


def test_tokens_of_senders_and_of_other_projects_do_not_count(client, ann, reviewer_tokens):
    _, elsewhere = reviewer_tokens.create("shop", now=1, person="ann")
    sender = ann.replace("sdr_", "sdk_", 1)

    for text in (elsewhere, sender):
        headers = {"authorization": f"Bearer {text}"}
        assert client.get("/api/v1/queues", headers=headers).status_code == 401


def test_nobody_acts_as_another(client, ann):
    signed_in(client, ann)

    claimed = client.post("/api/queues/doubts/next", json={"reviewer": "bob"})
    earlier = client.get("/api/queues/doubts/earlier/bob")
    header = {"x-spandocket-person": "bob"}
    written = client.post("/api/v1/queues", json={"name": "x"}, headers=header)

    for refused in (claimed, earlier, written):
        assert (refused.status_code, refused.json()["error"]) == (403, "OtherPerson")
    own = client.post("/api/queues/doubts/next", json={})
    assert own.json()["item"]["item_id"] == 1
    assert client.post("/api/v1/queues", json={"name": "x"}).json()["created_by"] == "ann"


def test_roles_hold_for_who_is_signed_in(client, ann, queues, clock):
    common = {"project": "default", "now": clock(), "actor": "lead"}
    queues.grant(person="lead", role=Role.MANAGER, **common)
    signed_in(client, ann)
    assert client.get("/api/queues/doubts").status_code == 403
    queues.grant(person="ann", role=Role.VIEWER, **common)
    assert client.get("/api/queues/doubts").status_code == 200
    refused = client.post("/api/queues/doubts/next", json={})
    assert (refused.status_code, refused.json()["error"]) == (403, "NotPermitted")


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
def test_writes_from_pages_of_others_are_refused(client, ann, headers):
    signed_in(client, ann)

    refused = client.post("/api/queues/doubts/next", json={}, headers=headers)

    assert (refused.status_code, refused.json()["error"]) == (403, "ForeignPage")
    same = {"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
    assert client.post("/api/queues/doubts/next", json={}, headers=same).status_code == 200


def test_over_tls_the_cookie_never_travels_in_the_open(application, ann):
    with TestClient(application, base_url="https://127.0.0.1") as client:
        assert "secure" in signed_in(client, ann).headers["set-cookie"].lower()


def test_listening_beyond_this_machine_needs_tokens(ann, reviewer_tokens):
    for host in ("127.0.0.1", "::1", "localhost"):
        check_binding(ReviewConfig(host=host), NoTokens())
    with pytest.raises(InsecureBindError, match="tokens create --reviewer"):
        check_binding(ReviewConfig(host="0.0.0.0"), NoTokens())
    check_binding(ReviewConfig(host="0.0.0.0"), reviewer_tokens)
    check_binding(ReviewConfig(host="0.0.0.0", allow_anonymous=True), NoTokens())


def test_the_command_makes_lists_and_revokes_reviewers_tokens(spandocket, tmp_path):
    import json

    made = json.loads(spandocket("tokens", "create", "--reviewer", "ann", "--format", "json").out)
    assert (made["person"], made["token"][:4]) == ("ann", "sdr_")
    assert made["token"] not in (tmp_path / "data" / "reviewers.json").read_text()
    assert not (tmp_path / "data" / "tokens.json").exists()
    ended = spandocket("tokens", "revoke", made["id"], "--format", "json")
    assert json.loads(ended.out)["revoked_at"] is not None
    config = tmp_path / "open.toml"
    config.write_text('[review]\nhost = "0.0.0.0"\n')
    other = tmp_path / "other"
    refused = spandocket("--config", config, "review", "--port", "0", data_dir=other)
    assert (refused.code, "without tokens" in refused.err) == (2, True)
