"""The form by client certificate on real TLS, and while Kafka is away."""

import asyncio

import aiohttp
import pytest
from credentials import HOST, Scene
from forming import REPORT, Person, key_of
from gatewaying import Behind

from broker.gateway.identity.serving import server_options
from broker.gateway.server import Gateway


class WithCertificate(Person):
    """Somebody whose browser shows a client certificate."""

    def __init__(self, url, context):
        super().__init__(url)
        self._connector = aiohttp.TCPConnector(ssl=context)

    async def __aenter__(self):
        await self.session.close()
        jar = aiohttp.CookieJar(unsafe=True)
        self.session = aiohttp.ClientSession(cookie_jar=jar, connector=self._connector)
        return self


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


@pytest.fixture
async def behind(scene):
    """A gateway on TLS with nothing behind it: no broker listens on port 1."""
    settings = scene.settings(
        bootstrap_servers="127.0.0.1:1", gateway_port=0, protection="off", partitions=2
    )
    found = Behind(settings)
    found.doors = found._doors()
    gateway = Gateway(found.doors, server_options(settings))
    serving = asyncio.create_task(gateway.run())
    _, port = await gateway.address()
    found.url = f"https://{HOST}:{port}"
    yield found
    gateway.stop()
    await asyncio.wait_for(serving, 90)


async def test_a_certificate_opens_the_form_and_its_pages_are_still_marked(scene, behind):
    context = scene.client_context(scene.ca.issue_client("unit.lagoon-house"))
    async with WithCertificate(behind.url, context) as person:
        bare = await person.post("/report/review", REPORT)
        assert bare.status == 400
        assert f'value="{REPORT["headline"]}"' in bare.body
        cookie = bare.cookies["__Host-lali-report"]
        assert cookie["secure"]
        assert cookie["httponly"]
        page = await person.post("/report/review", {**REPORT, "token": bare.token})
        assert "Look again, then send" in page.text
        assert "max-age" in page.headers["Strict-Transport-Security"]


async def test_a_certificate_of_a_unit_that_may_not_report_finds_nothing(scene, behind):
    context = scene.client_context(scene.ca.issue_client("unit.fiji-police"))
    async with WithCertificate(behind.url, context) as person:
        for path in ("/report", "/report/mine"):
            page = await person.get(path)
            assert page.status == 404
            assert "This page does not exist, or it is not yours" in page.text


async def test_a_session_does_not_speak_for_another_units_certificate(scene, behind):
    async with WithCertificate(behind.url, scene.client_context()) as person:
        await person.sign_in(key_of(behind).text)
        assert (await person.get()).status == 200
        cookies = {each.key: each.value for each in person.session.cookie_jar}
    context = scene.client_context(scene.ca.issue_client("unit.reef-helpline"))
    async with WithCertificate(behind.url, context) as other:
        sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
        assert (await other.get(Cookie=sent)).status == 401


async def test_while_kafka_is_away_nothing_is_lost_and_the_same_report_can_be_sent_again(
    scene, behind
):
    async with WithCertificate(behind.url, scene.client_context()) as person:
        await person.sign_in(key_of(behind).text)
        review = await person.reviewed()
        page = await person.post("/report/send", review.hidden())
        assert page.status == 503
        assert "It is not sent yet" in page.text
        kept, was = page.hidden(), review.hidden()
        assert {**kept, "token": ""} == {**was, "token": ""}
        assert behind.doors.standings.own("lagoon-house", 10) == []
