"""Sessions of the form that nobody gave, or that are over; and other sites' requests."""

import base64
import hmac
import json
import re
import time
from dataclasses import asdict

from forming import UNIT as REPORTER

from attack.asking import HOST, form
from attack.site import ORIGINATOR, draft
from attack.trying import attack, held
from broker.gateway.ended_sessions import EndedSessions
from broker.gateway.form.session import Session
from broker.gateway.gateway_secret import derived

COOKIE = "__Host-lali-report"


def forged(site, secret):
    """Return a cookie by who knows *secret* and the id of a key, which is in the audit log."""
    key_id = site.key(REPORTER).split("_")[1]
    ends = int((time.time() + 3600) * 1000)
    said = json.dumps(asdict(Session(f"key:{key_id}", ends, "x" * 24)), separators=(",", ":"))
    folder = EndedSessions(site.data / "gateway").folder()
    key = derived(secret, b"form session 2\n" + folder)
    raw = said.encode()
    return base64.urlsafe_b64encode(hmac.digest(key, raw, "sha256") + raw).decode()


def _mine(site, cookie):
    return site.ask("GET", "/report/mine", headers={"Cookie": f"{COOKIE}={cookie}"}).status


@attack(8, "sessions forged by the drafts' secret, a cursor's, none", "no session", quick=True)
def forged_sessions(site):
    secrets = site.data / "gateway"
    present = (secrets / "secret").read_bytes()
    seen = {
        "drafts": _mine(site, forged(site, (secrets / "secret-drafts").read_bytes())),
        "zeros": _mine(site, forged(site, bytes(32))),
        "a cursor's key": _mine(site, forged(site, derived(present, b"cursor"))),
    }
    genuine = _mine(site, forged(site, present))  # else the forging itself would be wrong
    return held(
        genuine == 200 and 200 not in seen.values(),
        f"by the secret of sessions itself: {genuine}; "
        + ", ".join(f"by {n}: {s}" for n, s in seen.items()),
    )


@attack(8, "a gateway whose secret has mode 0644", "it does not start")
def a_readable_secret(site):
    file = site.folder / "readable-secret"
    file.write_bytes(bytes(range(32)))
    file.chmod(0o644)
    with site.beside("gateway", LALI_GATEWAY_SECRET_FILE=file) as other:
        code = other.ended_within(60)
        said = other.said()
    return held(
        code not in (0, None) and "others may read it" in said,
        f"exit code {code}; says why: {'others may read it' in said}",
    )


def _signed_in(site):
    page = site.ask("GET", "/report/sign-in")
    cookie = page.headers["set-cookie"].partition(";")[0]
    fields = {"token": token_of(page), "key": site.key(REPORTER)}
    answer = site.ask(
        "POST", "/report/sign-in", body=form(fields),
        headers={"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    named = re.search(rf"{COOKIE}=([^;\r]+)".encode(), answer.raw)
    return named[1].decode()


def token_of(page):
    """Return the mark that a page's forms carry."""
    return re.search(rb'name="token" value="([0-9a-f]+)"', page.body)[1].decode()


@attack(15, "a copy of a cookie, signed out, then a restart", "over before and after", last=True)
def signed_out_then_restarted(site):
    cookie = _signed_in(site)
    before = _mine(site, cookie)
    headers = {"Cookie": f"{COOKIE}={cookie}", "Content-Type": "application/x-www-form-urlencoded"}
    page = site.ask("GET", "/report", headers={"Cookie": f"{COOKIE}={cookie}"})
    site.ask("POST", "/report/sign-out", headers=headers, body=form({"token": token_of(page)}))
    out = _mine(site, cookie)
    site.stop()
    site.start()
    after = _mine(site, cookie)
    return held(
        before == 200 and 200 not in (out, after),
        f"signed in: {before}; signed out: {out}; after a restart: {after}",
    )


@attack(16, "publishing from other sites, and from this one without TLS", "400", quick=True)
def other_sites(site):
    own = f"{HOST}:{site.port}"
    origins = {
        "this site": {"Origin": f"https://{own}"},
        "this without TLS": {"Origin": f"http://{own}"},
        "another": {"Origin": "https://elsewhere.example"},
        "no origin": {"Origin": "null"},
        "another's frame": {"Origin": f"https://{own}", "Sec-Fetch-Site": "cross-site"},
    }
    seen = {
        name: site.ask(
            "POST", "/v1/alerts", body=draft(), headers={**site.headers(ORIGINATOR), **sent}
        ).status
        for name, sent in origins.items()
    }
    evidence = ", ".join(f"{n}: {s}" for n, s in seen.items())
    return held(list(seen.values()) == [202, 400, 400, 400, 400], evidence)
