"""Addresses of accounts: our own pages, and those of django-allauth that stand for signing in by
code and by passkey. Its pages about passwords have no address here.
"""

from allauth.account import views as sign_in
from allauth.mfa.webauthn import views as passkeys
from django.urls import path
from django.views.generic import RedirectView

from submissions.accounts import pages

_TO_SIGN_IN = RedirectView.as_view(pattern_name="account_request_login_code", query_string=True)

urlpatterns = [
    path("", pages.overview, name="account"),
    path("claim", pages.claim, name="account-claim"),
    path("machine", pages.note, name="account-machine"),
    path("token", pages.make_token, name="account-token"),
    path("token/revoke", pages.revoke_token, name="account-token-revoke"),
    path("export.jsonl", pages.export, name="account-export"),
    path("delete", pages.delete, name="account-delete"),
    # Names that django-allauth asks for.
    path("passkey/added", RedirectView.as_view(pattern_name="account"), name="mfa_index"),
    path("login", _TO_SIGN_IN, name="account_login"),
    path("sign-in", sign_in.request_login_code, name="account_request_login_code"),
    path("sign-in/code", sign_in.confirm_login_code, name="account_confirm_login_code"),
    path("sign-up", sign_in.signup, name="account_signup"),
    path("sign-up/code", sign_in.email_verification_sent, name="account_email_verification_sent"),
    path("sign-out", sign_in.logout, name="account_logout"),
    path("email", sign_in.email, name="account_email"),
    path("inactive", sign_in.account_inactive, name="account_inactive"),
    path("again", sign_in.reauthenticate, name="account_reauthenticate"),
    path(
        "again/code",
        sign_in.request_reauthentication_code,
        name="account_request_reauthentication_code",
    ),
    path(
        "again/code/confirm",
        sign_in.confirm_reauthentication_code,
        name="account_confirm_reauthentication_code",
    ),
    path("again/passkey", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("passkey", passkeys.list_webauthn, name="mfa_list_webauthn"),
    path("passkey/add", passkeys.add_webauthn, name="mfa_add_webauthn"),
    path("passkey/sign-in", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("passkey/<int:pk>/name", passkeys.edit_webauthn, name="mfa_edit_webauthn"),
    path("passkey/<int:pk>/remove", passkeys.remove_webauthn, name="mfa_remove_webauthn"),
]
