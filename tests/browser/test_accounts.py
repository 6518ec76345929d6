"""An account as its owner has it: made by a code, kept by a passkey, on a phone and on a screen."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail

from tests.browser.reader import FAINT, SIDEWAYS, Reader

Read = Callable[..., Reader]
PASSKEYS = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(autouse=True)
def mailbox(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def signed_up(reader: Reader) -> Any:
    page = reader.open("/account/")
    page.get_by_role("link", name="Make one").click()
    page.get_by_label("E-mail address").fill("jane@example.org")
    page.get_by_role("button", name="Send me a code").press("Enter")
    enter_code(page)
    page.get_by_role("heading", name="Your account").wait_for()
    return page


def enter_code(page: Any) -> None:
    """The newest mail is sent before the page that asks for its code is there."""
    field = page.get_by_label("Code")
    field.wait_for()
    field.fill(re.findall(r"(?m)^[A-Z0-9-]{5,}$", str(mail.outbox[-1].body))[0])
    page.get_by_role("button", name="Confirm").press("Enter")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("with_scripts", [True, False])
def test_an_account_by_a_code(read: Read, scheme: str, width: int, with_scripts: bool) -> None:
    reader = read(width=width, scheme=scheme, javascript=with_scripts)
    page = signed_up(reader)
    page.get_by_label("Name of a new token").fill("cron")
    page.get_by_role("button", name="Make it").press("Enter")
    page.get_by_text("shown this once").wait_for()
    for address in ("/account/", "/account/delete", "/account/email", "/account/sign-out"):
        page = reader.open(address)
        assert page.evaluate(SIDEWAYS) <= 0, address
        assert page.evaluate(FAINT) == [], address
    assert reader.complaints == []


def test_a_passkey_is_added_and_signs_in(read: Read, live_server: Any, settings: Any) -> None:
    reader = read()
    reader.site = settings.PUBLIC_URL = live_server.url.replace("127.0.0.1", "localhost")
    session = reader.page.context.new_cdp_session(reader.page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": PASSKEYS})
    page = signed_up(reader)
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Request Code").click()
    enter_code(page)
    page.get_by_label("Name").fill("laptop")
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    page.get_by_text("laptop").wait_for()
    page.get_by_role("link", name="sign out").click()
    page.get_by_role("button", name="Sign Out").click()
    page = reader.open("/account/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_role("heading", name="Your account").wait_for()
    assert reader.complaints == []
