"""The form and the reference in a real browser: by keyboard, without scripts, on a phone.

Every page is held against the rules of axe (WCAG 2.2 AA among them).
"""

import os
import shutil

import pytest
import pytest_asyncio
from forming import REPORT, key_of
from gatewaying import Behind, settings_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka]

PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
#: WCAG 2.2, success criterion 1.4.10: no sideways scrolling at this width, CSS pixels.
NARROWEST = {"width": 320, "height": 640}
#: Success criterion 2.5.8 asks for 24 CSS pixels; a thumb on an old screen wants more.
LEAST_TARGET = 44
TCU, TCU_FEED = "fiji-tcu", "fiji-tcu-investigate"


def chromium():
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("not run: there is no Chromium (Debian: apt-get install chromium)")
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    chromium()
    settings = settings_of(kafka, "browsed.", tmp_path_factory.mktemp("browsed"))
    async with Behind(settings) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    from playwright.async_api import async_playwright

    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=chromium(), args=options)
        yield found
        await found.close()


@pytest_asyncio.fixture(loop_scope="module")
async def opened(browser, behind):
    """Open a page of the gateway in a new window."""
    contexts = []

    async def open_page(path="/report", viewport=PHONE, **options):
        options = {"java_script_enabled": True, **options}
        context = await browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(30_000)
        await page.goto(behind.url + path)
        return page

    yield open_page
    for context in contexts:
        await context.close()


async def look(page):
    """Hold *page* against axe, and against the narrowest screen."""
    from axe_playwright_python.async_playwright import Axe

    found = (await Axe().run(page)).response
    assert found["passes"]
    assert [
        (each["id"], [n["target"] for n in each["nodes"]]) for each in found["violations"]
    ] == []
    viewport = page.viewport_size
    await page.set_viewport_size(NARROWEST)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    await page.set_viewport_size(viewport)
    assert wide <= NARROWEST["width"]


async def follow(page, selector):
    """Click what leads to another page, and wait until that page is there."""
    async with page.expect_navigation():
        await page.click(selector)


async def sign_in(page, behind):
    await page.fill("#key", key_of(behind).text)
    await follow(page, "main button")


async def fill(page, **changed):
    """Fill the form as a person would who uses a pointer."""
    fields = {**REPORT, **changed}
    closed = page.locator("details:not([open]) > summary")
    while await closed.count():
        await closed.first.click()
    for name, value in fields.items():
        at = page.locator(f"[name={name}]")
        if await at.first.get_attribute("type") in ("radio", "checkbox"):
            for each in [value] if isinstance(value, str) else value:
                await page.locator(f"[name={name}][value={each}]").check()
        elif await at.evaluate("each => each.tagName") == "SELECT":
            await at.select_option(value)
        else:
            await at.fill(value)


async def go_on(page):
    await follow(page, "button:has-text('Go on')")


async def send(page):
    await follow(page, "button:has-text('Send')")
    assert "/report/sent/" in page.url
    return page.url.rpartition("/")[2]


@pytest.mark.parametrize(
    ("viewport", "scheme"),
    [(PHONE, "light"), (DESKTOP, "dark")],
    ids=["phone, light", "desktop, dark"],
)
async def test_every_page_passes_axe_and_fits_the_narrowest_screen(
    opened, behind, viewport, scheme
):
    page = await opened(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    await look(page)  # sign in
    await page.fill("#key", "lali_wrong")
    await follow(page, "main button")
    await look(page)  # with an error
    await sign_in(page, behind)
    await look(page)  # the form
    await go_on(page)
    await look(page)  # with errors
    await fill(page, text="Mere Vakatale asks for food.", phone="12")
    await go_on(page)
    await look(page)  # with one error
    await page.fill("#phone", "330 1234")
    await go_on(page)
    await look(page)  # the review
    alert_id = await send(page)
    await look(page)
    await behind.shown(alert_id, TCU_FEED, TCU)
    for path in (f"/report/sent/{alert_id}", "/report/mine", f"/report/sent/{alert_id}/withdraw",
                 f"/report/sent/{alert_id}/consent", "/report/sent/none", "/docs"):  # fmt: skip
        await page.goto(behind.url + path)
        await look(page)


async def test_a_report_is_sent_without_scripts_on_a_phone(opened, behind):
    page = await opened(java_script_enabled=False)
    await sign_in(page, behind)
    await page.fill("#headline", "SYNTHETIC: first words")
    await go_on(page)
    assert (await page.title()).startswith("Error: ")
    assert await page.input_value("#headline") == "SYNTHETIC: first words"
    await page.click("a[href='#country']")
    await fill_without_scripts(page)
    await go_on(page)
    assert await page.inner_text("h1") == "Look again, then send"
    await follow(page, "button:has-text('Change something')")
    await page.fill("#headline", "SYNTHETIC: better words")
    await go_on(page)
    alert_id = await send(page)
    (item,) = await behind.shown(alert_id, TCU_FEED, TCU)
    assert item["compartments"]["summary"]["headline"] == "SYNTHETIC: better words"


async def fill_without_scripts(page):
    for name in ("country", "text"):
        await page.fill(f"#{name}", REPORT[name])
    for name in ("kinds", "danger", "child", "consent", "scope"):
        value = REPORT[name] if isinstance(REPORT[name], str) else REPORT[name][0]
        await page.check(f"[name={name}][value={value}]")


async def test_a_report_is_sent_with_scripts_on_and_reloading_sends_nothing(opened, behind):
    page = await opened(viewport=DESKTOP)
    faults = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    await sign_in(page, behind)
    await fill(page)
    await go_on(page)
    before = len(behind.doors.standings.own("lagoon-house", 100))
    await page.locator("button:has-text('Send')").dblclick()
    await page.wait_for_url("**/report/sent/*")
    await page.reload()
    assert len(behind.doors.standings.own("lagoon-house", 100)) == before + 1
    assert faults == []


async def test_a_report_is_sent_by_keyboard_alone(opened, behind):
    page = await opened()
    keys = Keys(page)
    await keys.to("#key")
    await page.keyboard.type(key_of(behind).text)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#headline")
    await keys.to("#headline")
    await page.keyboard.type("SYNTHETIC: typed by keyboard")
    await keys.to("[name=kinds]")
    await page.keyboard.press("Space")
    await keys.to("#country")
    await page.keyboard.type("Fiji")
    await page.keyboard.press("Escape")  # the list of countries
    for group, downs in (("danger", 1), ("child", 2), ("consent", 3)):
        await keys.to(f"[name={group}]")
        await page.keyboard.press("Space")
        for _ in range(downs):
            await page.keyboard.press("ArrowDown")
    await keys.to("button:has-text('Go on')")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("h1:has-text('Look again')")
    assert "They could not be asked" in await page.inner_text("dl")
    await keys.to("button:has-text('Send')")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/report/sent/*")
    assert await page.locator(".state").inner_text() in ("Received", "Passed on")


class Keys:
    """Moves by the tab key, and sees that the focus can be seen."""

    def __init__(self, page):
        self._page = page

    async def to(self, selector):
        for _ in range(120):
            await self._page.keyboard.press("Tab")
            await self._sees_the_focus()
            at = self._page.locator(f":focus:is({_plain(selector)})")
            if await at.count() and await self._has_text(selector):
                return
        raise AssertionError(f"{selector} is not reached by the tab key")

    async def _has_text(self, selector):
        wanted = selector.partition("'")[2].partition("'")[0]
        return wanted in await self._page.locator(":focus").evaluate("each => each.textContent")

    async def _sees_the_focus(self):
        width = await self._page.evaluate(
            "document.activeElement === document.body ? '3px' : "
            "getComputedStyle(document.activeElement).outlineWidth"
        )
        assert width == "3px"


def _plain(selector):
    return selector.partition(":has-text")[0]


async def test_an_error_takes_the_focus_and_leads_to_its_field(opened, behind):
    page = await opened()
    await sign_in(page, behind)
    await go_on(page)
    # The browser gives the focus with a frame that it draws, after the page is there.
    await page.wait_for_function("document.activeElement.className === 'errors'")
    for link in await page.locator(".errors a").all():
        field = (await link.get_attribute("href"))[1:]
        await link.click()
        assert await page.evaluate("document.activeElement.name") in (field, None)
        described = await page.locator(f"#{field}-e").inner_text()
        assert described == await link.inner_text()


async def test_everything_that_is_touched_is_large_enough(opened, behind):
    page = await opened()
    await sign_in(page, behind)
    sizes = await page.evaluate(
        """() => [...document.querySelectorAll('main label:has(input), main input:not([type=radio],'
           + '[type=checkbox],[type=hidden]), select, textarea, button, nav a, summary')]
           .filter(each => each.checkVisibility())
           .map(each => [each.textContent.slice(0, 30), each.getBoundingClientRect().height])"""
    )
    assert len(sizes) > 50
    assert [each for each in sizes if each[1] < LEAST_TARGET] == []
