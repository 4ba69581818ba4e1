"""Tokens that are signed, and whose claims are no text."""

from types import SimpleNamespace

from token_desk import head_of, signed

from attack.site import FEED
from attack.trying import attack, held

PATH = f"/v1/feeds/{FEED}"
_HALF = "\ud800"


@attack(20, "half a letter in claims and head of a signed token", "401, and counted", quick=True)
def half_letters(site):
    desk, source = SimpleNamespace(issuer=site.issuer), site.stranger()
    tokens = [
        signed(desk, head_of(desk), site.issuer.claims(sub=_HALF)),
        signed(desk, head_of(desk), site.issuer.claims(cnf={"x5t#S256": _HALF})),
        signed(desk, head_of(desk, kid=_HALF), site.issuer.claims()),
    ]
    seen = [_asked(site, tokens[number % 3], source) for number in range(40)]
    good = site.ask(
        "GET", "/v1/feeds", headers={"Authorization": f"Bearer {site.issuer.token()}"}
    ).status
    return held(
        good == 200 and seen[:30] == [401] * 30 and set(seen[30:]) == {429},
        f"a good token: {good}; 401 × {seen.count(401)}, 429 × {seen.count(429)}, "
        f"500 × {seen.count(500)}",
    )


def _asked(site, token, source):
    sent = {"Authorization": f"Bearer {token}"}
    return site.ask("GET", PATH, headers=sent, source=source).status
