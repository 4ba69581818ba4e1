"""Civil society at the form of a running gateway: with keys, cookies, and what its pages say."""

import html
import re
from datetime import UTC, datetime, timedelta

import aiohttp
from yarl import URL

from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import key_file, new_key

UNIT, OTHER_UNIT = "lagoon-house", "reef-helpline"

#: A report that needs nothing mended.
REPORT = {
    "headline": "SYNTHETIC: crew cannot leave their boat",
    "text": "They asked for food in the harbour.",
    "source": "CIVIL_SOCIETY",
    "kinds": ["FORCED_LABOUR"],
    "signs": ["WithholdsDocuments", "RestrictsMovement"],
    "country": "Fiji",
    "place": "Walu Bay wharf",
    "origin": "Indonesia, Philippines",
    "danger": "SOON",
    "moved": "NO",
    "conveyance": "VESSEL",
    "conveyance_name": "SYNTHETIC Sea Star 7",
    "child": "NO",
    "count": "6",
    "consent": "GIVEN",
    "scope": ["POLICE"],
    "name_1": "SYNTHETIC Ikuna",
    "age_1": "AGE_24_26",
    "suspects": "SYNTHETIC Owner",
    "phone": "+679 330 1234",
}


def key_of(behind, unit=UNIT, rights=tuple(Right)):
    """Return a new API key of *unit*."""
    now = datetime.now(UTC)
    made = new_key(unit, rights, now, now + timedelta(days=1))
    key_file(behind.settings).add(made.entry)
    return made


class Page:
    """An answer of the form."""

    def __init__(self, status, headers, body, cookies):
        self.status = status
        self.headers = headers
        self.body = body
        self.cookies = cookies

    @property
    def text(self):
        """What a person reads, tags left out."""
        return html.unescape(re.sub(r"<[^>]*>", " ", self.body))

    @property
    def token(self):
        """The mark of the session that its forms carry."""
        return re.search(r'name="token" value="([0-9a-f]+)"', self.body)[1]

    def hidden(self):
        """Return the hidden fields of its first form that carries a report."""
        form = next(each for each in self.body.split("</form>") if 'name="draft"' in each)
        found = {}
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form):
            found.setdefault(name, []).append(html.unescape(value))
        return found


class Person:
    """Somebody with a browser that keeps cookies."""

    def __init__(self, url):
        self.url = url
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.session.close()

    @property
    def cookie(self):
        """The session's cookie; None before sign-in."""
        found = self.session.cookie_jar.filter_cookies(URL(self.url)).get("lali-report")
        return found and found.value

    async def get(self, path="/report", **headers):
        return await self._page(self.session.get(
            self.url + path, allow_redirects=False, headers=headers))  # fmt: skip

    async def post(self, path, fields, **headers):
        pairs = [
            (name, each)
            for name, value in fields.items()
            for each in ([value] if isinstance(value, str) else value)
        ]
        return await self._page(self.session.post(
            self.url + path, data=pairs, allow_redirects=False, headers=headers))  # fmt: skip

    async def sign_in(self, key, **typed):
        page = await self.get("/report/sign-in")
        return await self.post("/report/sign-in", {"token": page.token, "key": key, **typed})

    async def reviewed(self, **changed):
        """Fill the form and go on; return the page that comes."""
        form = await self.get()
        return await self.post("/report/review", {**form.hidden(), **REPORT, **changed})

    async def sent(self, **changed):
        """Fill the form, review it and send it; return the id of the alert."""
        review = await self.reviewed(**changed)
        page = await self.post("/report/send", review.hidden())
        assert page.status == 303, page.text
        return page.headers["Location"].rpartition("/")[2]

    async def _page(self, asking):
        async with asking as answer:
            return Page(answer.status, answer.headers, await answer.text(), answer.cookies)
