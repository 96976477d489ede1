"""Chromium as the examples need it: Debian's, driven by playwright; nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import Page, sync_playwright

WIDTH: Final = 390
"""The width of a common phone, in pixels."""


@contextmanager
def browser_page() -> Iterator[Page]:
    """Open a page as wide as a phone; the test fails if there is no Chromium."""
    path = shutil.which("chromium") or pytest.fail(
        "没有找到 chromium：make examples 以它打开网页（Debian 的软件包 chromium）"
    )
    # Chromium's own sandbox does not start for root, as whom CI runs.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        try:
            yield browser.new_page(
                viewport={"width": WIDTH, "height": 844}, locale="zh-CN"
            )
        finally:
            browser.close()
