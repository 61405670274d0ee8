"""The page in a real browser, as `make dev` serves it."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

import browser as browsers
import caching_proxy
import replay
import serving
import waiting
from kit.web import busy

SHOTS = Path(__file__).resolve().parent.parent / "build" / "screenshots"
TEXTS = [
    "こんにちは、世界",
    "👩🏽‍🚀🎉 it flies",
    "مرحبا بالعالم",
    "שלום עולם",
    "two\nlines",
    "<script>alert(1)</script><b>bold</b>",
]
POLLS_OFTEN = """
const { setTimeout } = window;
window.setTimeout = (action, pause) => setTimeout(action, pause / 10);
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsers.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the running app has its database and its log."""
    return tmp_path_factory.mktemp("wall")


@pytest.fixture(scope="module")
def site(browser: Browser, installed_app: Path, folder: Path) -> Iterator[str]:
    """The address of the running app, whose wall all these tests share."""
    with serving.dev(installed_app, database=folder / "app.db") as address:
        yield address


@pytest.fixture
def behind_cdn(site: str) -> Iterator[str]:
    """The address of a caching proxy in front of the same app."""
    with caching_proxy.running(site) as address:
        yield address


@pytest.fixture
def visitor(browser: Browser, site: str) -> Iterator[Callable[..., Page]]:
    """Make pages of visitors who know nothing of each other; in none of them may anything go wrong."""
    contexts: list[BrowserContext] = []
    watched: list[list[str]] = []

    def visit(path: str = "/", *, at: str = site, script: str = "", **context: object) -> Page:
        contexts.append(browser.new_context(locale="en-GB", **context))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.add_init_script(script)
        watched.append(browsers.watch(page))
        page.goto(at + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert watched == [[] for _ in watched]


def post(page: Page, text: str) -> None:
    page.get_by_label("Write on the wall").fill(text)
    page.get_by_role("button", name="Post").click()
    page.wait_for_load_state()


def newest(page: Page) -> str:
    return page.locator("article p").first.inner_text()


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_message_is_posted_and_seen_as_it_was_written(
    visitor: Callable[..., Page], text: str, javascript: bool
) -> None:
    page = visitor(java_script_enabled=javascript)
    post(page, text)
    expect(page.locator("article p").first).to_have_text(text, use_inner_text=True)
    assert page.locator("article b, article script").count() == 0


def test_a_message_of_another_client_arrives_without_a_reload(visitor: Callable[..., Page]) -> None:
    looking, writing = visitor(), visitor()
    looking.evaluate("window.neverReloaded = true")
    looking.get_by_label("Write on the wall").fill("a draft of my own")
    post(writing, "news from the other side")
    expect(looking.locator("article p").first).to_have_text("news from the other side", timeout=10_000)
    assert looking.evaluate("window.neverReloaded") is True
    expect(looking.get_by_label("Write on the wall")).to_have_value("a draft of my own")


def test_markup_that_arrives_without_a_reload_is_text_too(visitor: Callable[..., Page]) -> None:
    looking, writing = visitor(script=POLLS_OFTEN), visitor()
    text = "<img src=x onerror=alert(2)><script>alert(3)</script>"
    post(writing, text)
    expect(looking.locator("article p").first).to_have_text(text, timeout=10_000)
    assert looking.locator("article img, article script").count() == 0


@pytest.mark.parametrize("direction, text", [("rtl", "مرحبا بالعالم"), ("ltr", "Hello, world")])
def test_each_message_runs_in_its_own_direction(visitor: Callable[..., Page], direction: str, text: str) -> None:
    page = visitor()
    post(page, text)
    assert page.locator("article p").first.evaluate("element => getComputedStyle(element).direction") == direction


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_pages_lead_to_older_messages_and_back(visitor: Callable[..., Page], javascript: bool) -> None:
    page = visitor(java_script_enabled=javascript)
    for number in range(21):
        assert page.request.post(page.url, form={"text": f"number {number}"}).ok
    page.reload()
    assert (page.locator("article").count(), newest(page)) == (20, "number 20")
    page.get_by_role("link", name="Older").click()
    expect(page.locator("article p").first).to_have_text("number 0")
    page.get_by_role("link", name="Newest").click()
    expect(page.locator("article p").first).to_have_text("number 20")


def test_an_empty_message_is_not_sent(visitor: Callable[..., Page]) -> None:
    page = visitor()
    post(page, "before the empty one")
    post(page, "")
    assert newest(page) == "before the empty one"


@pytest.mark.parametrize("path", ["/", "/?before=1"])
def test_a_narrow_phone_scrolls_one_way_only(visitor: Callable[..., Page], site: str, path: str) -> None:
    page = visitor(viewport={"width": 320, "height": 640}, is_mobile=True, has_touch=True)
    post(page, "long" * 70)
    page.goto(site + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_dark_mode_is_dark_and_light_mode_is_light(visitor: Callable[..., Page]) -> None:
    shades = []
    for scheme in ("light", "dark"):
        page = visitor(color_scheme=scheme)
        shades.append(sum(browsers.background(page)))
    light, dark = shades
    assert light > 600
    assert dark < 150


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("phone", {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True}),
        ("desktop-dark", {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"}),
    ],
)
def test_the_page_is_pictured(visitor: Callable[..., Page], name: str, context: dict[str, object]) -> None:
    page = visitor(**context)
    for text in [
        "こんにちは、世界！ 東京から参加しています。",
        "مرحبا بالعالم 🌍",
        "We are live! 🎉",
        "👩🏽‍🚀 Three hours until the demo.",
    ]:
        post(page, text)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
    assert (SHOTS / f"{name}.png").stat().st_size > 10_000


def test_what_the_browser_blocks_is_printed_by_make_dev(browser: Browser, installed_app: Path, tmp_path: Path) -> None:
    with serving.dev(installed_app, database=tmp_path / "app.db") as address:
        page = browser.new_page()
        page.goto(address)
        page.evaluate(
            "document.head.append(Object.assign(document.createElement('link'),"
            " {rel: 'stylesheet', href: 'https://cdn.example.com/style.css'}))"
        )
        advice = 'web.allow("style-src", "https://cdn.example.com")'
        waiting.until(lambda: advice in (tmp_path / "dev.log").read_text(), what="the report")
        page.close()


# --- behind a CDN

MISSING = """
window.missing = 0;
new MutationObserver(() => { window.missing += !document.body.innerText.includes("my own") })
  .observe(document.getElementById("messages"), { childList: true });
"""


def test_authors_see_their_message_at_once_and_it_stays_though_the_page_is_cached(
    visitor: Callable[..., Page], behind_cdn: str
) -> None:
    looking, writing = (visitor(at=behind_cdn, script=POLLS_OFTEN) for _ in range(2))
    outdated: list[bool] = []
    writing.on("response", lambda answer: outdated.append("my own" not in answer.text()) if answer.ok else None)
    looking.request.get(f"{behind_cdn}/messages")  # the proxy keeps it
    post(writing, "my own")
    assert newest(writing) == "my own"
    writing.evaluate(MISSING)
    waiting.until(lambda: outdated.count(False) > 1 or writing.wait_for_timeout(100), what="the CDN's newer copy")
    assert any(outdated), "the proxy's copy of the messages was older than the page"
    assert writing.evaluate("window.missing") == 0
    expect(looking.locator("article p").first).to_have_text("my own", timeout=10_000)
    looking.reload()
    assert newest(looking) == "my own"


def test_the_app_gets_a_request_a_second_for_each_page_however_many_visit(
    visitor: Callable[..., Page], site: str, behind_cdn: str, folder: Path
) -> None:
    page = visitor()
    icon = str(page.locator("link[rel=icon]").get_attribute("href"))
    page.close()
    log = folder / "dev.log"
    before = log.stat().st_size
    with ThreadPoolExecutor(1) as thread:  # this one has Playwright's event loop
        done = thread.submit(replay.run, behind_cdn, icon).result()
    origin = Counter(re.findall(r"(?:GET|POST) \S+", log.read_bytes()[before:].decode()))
    print(f"{done}, of which the app got {dict(origin)}")
    assert done.statuses.keys() <= {200, 303, 304}
    assert done.unseen == 0
    assert origin["POST /"] == done.posts
    assert origin["GET /"] - done.posts <= done.seconds + 2, "authors' own pages are not shared"
    assert origin["GET /messages"] <= done.seconds + 2
    assert sum(count for request, count in origin.items() if "icon" in request) <= 1
    for path in ("/?new=1", "/messages?new=1", "/?before=9&new=1", "/?posted=9&new=1", "/?before=x", "/nowhere"):
        through, directly = at_rest(site, behind_cdn, path)
        assert (through.status_code, through.text) == (directly.status_code, directly.text)
        assert through.headers["cache-control"] == directly.headers["cache-control"]
    # A million visits in ten minutes, one of a hundred of which posts: what is asked once a second doesn't grow.
    each_second = (origin["GET /"] - done.posts + origin["GET /messages"]) / done.seconds
    with_cdn = 600 * each_second + 2 * 10_000 + 1
    assert with_cdn / (1_000_000 * (2 + replay.POLLS)) < 0.01


def at_rest(site: str, behind_cdn: str, path: str) -> tuple[httpx.Response, httpx.Response]:
    """The answers behind the CDN and without it, between which no job has drawn a picture into the page."""
    for attempt in range(20):
        number = f"{path}{'&' if '?' in path else '?'}attempt={attempt}"  # not in the proxy's cache
        before, through, after = (httpx.get(address + number) for address in (site, behind_cdn, site))
        if before.text == after.text:
            return through, after
        time.sleep(0.5)
    raise AssertionError(f"{path} has changed for ten seconds")


class Crowded:
    """A site that refuses its first requests with the kit's page for that, as a CDN does."""

    def __init__(self, refused: int) -> None:
        self.refused = refused
        self.requests: list[tuple[str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        self.requests.append((request.method, request.url.path))
        refused = len(self.requests) <= self.refused
        page = busy.DEFAULT.read_text(encoding="utf-8") if refused else "<link rel=icon href='data:,'><h1>Welcome</h1>"
        response: Response = HTMLResponse(page, 503 if refused else 200)
        await response(scope, receive, send)


INSTANTLY = """
const { setTimeout } = window;
window.setTimeout = (action, pause) => { window.paused(pause); return setTimeout(action, 0); };
"""
"""A clock that notes each pause and doesn't wait."""


def refused_visit(browser: Browser, refused: int, path: str = "/") -> tuple[list[float], list[tuple[str, str]]]:
    """Open the page until the site answers; return its pauses, in seconds, and the requests."""
    pauses: list[float] = []
    site = Crowded(refused)
    context = browser.new_context()
    context.expose_function("paused", lambda pause: pauses.append(pause / 1000))
    context.add_init_script(INSTANTLY)
    with serving.uvicorn(site) as address:
        page = context.new_page()
        page.goto(address + path)
        expect(page.get_by_role("heading")).to_have_text("Welcome")
        assert page.url == address + path
    context.close()
    return pauses, site.requests


def test_a_refused_visitor_tries_again_after_growing_random_pauses_and_gets_in(browser: Browser) -> None:
    visits = [refused_visit(browser, 8, "/page?a=1") for _ in range(2)]
    for pauses, requests in visits:
        assert requests == [("GET", "/page"), *[("HEAD", "/page")] * 8, ("GET", "/page")], "and nothing else is loaded"
        for pause, middle in zip(pauses, [5, 10, 20, 40, 80, 120, 120, 120], strict=True):
            assert middle / 2 <= pause < middle * 3 / 2
    (first, _), (second, _) = visits
    assert first != second


def test_a_refused_form_is_not_sent_again(browser: Browser) -> None:
    site = Crowded(2)
    context = browser.new_context()
    context.expose_function("paused", lambda pause: None)
    context.add_init_script(INSTANTLY)
    with serving.uvicorn(site) as address:
        page = context.new_page()
        form = f"<form method=post action={address}/><button>Send"
        page.route("**/form", lambda route: route.fulfill(body=form, content_type="text/html"))
        page.goto(f"{address}/form")
        page.get_by_role("button").click()
        expect(page.get_by_role("heading")).to_have_text("Welcome")
    context.close()
    assert site.requests == [("POST", "/"), ("HEAD", "/"), ("HEAD", "/"), ("GET", "/")]


def test_the_page_of_refused_visitors_says_so_without_a_script_too(browser: Browser) -> None:
    with serving.uvicorn(Crowded(1)) as address:
        context = browser.new_context(java_script_enabled=False, color_scheme="dark")
        page = context.new_page()
        troubles = browsers.watch(page)
        page.goto(address)
        expect(page.get_by_role("heading")).to_have_text("Many people are here right now")
        assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "30"
        assert sum(browsers.background(page)) < 150
        assert [each for each in troubles if "503" not in each] == []
        context.close()
