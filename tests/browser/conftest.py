"""A registry that a browser can open, and readers of it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.reader import Reader


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    """The address of a registry that serves its files as they stand in the apps."""
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": plain}}
    settings.PUBLIC_URL = live_server.url
    return str(live_server.url)


@pytest.fixture
def read(browser: Any, site: str) -> Iterator[Callable[..., Reader]]:
    """Opens readers: width in pixels, colour scheme, with or without JavaScript."""
    contexts = []

    def open_reader(width: int = 1280, scheme: str = "light", javascript: bool = True) -> Reader:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=javascript,
        )
        contexts.append(context)
        reader = Reader(context.new_page(), site)
        reader.watch()
        return reader

    yield open_reader
    for context in contexts:
        context.close()
