"""Chromium, driven by Playwright, which speaks to 127.0.0.1 alone."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, Page, Request, sync_playwright

import parts

QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the machine's Chromium, or Playwright's own where it is installed."""
    installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=installed, args=[*QUIET, *root])
        except Error as error:
            parts.missing("Chromium", error.message.splitlines()[0])
        try:
            yield browser
        finally:
            browser.close()


def watch(page: Page) -> list[str]:
    """Give a list that fills with what goes wrong in a page: errors, dialogs, refusals of the security policy."""
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))

    def failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left while it loaded its icon
            troubles.append(f"{request.url} failed: {request.failure}")

    page.on("requestfailed", failed)

    def dismiss(dialog: object) -> None:
        troubles.append(f"a dialog: {dialog}")
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", dismiss)
    return troubles


def background(page: Page) -> tuple[int, ...]:
    """Return red, green and blue of a page's background."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return tuple(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
