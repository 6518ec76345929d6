"""What this registry wants otherwise of django-allauth: addresses in mails from PUBLIC_URL, names
of users that say nothing, moderators at their own door, and either of code and passkey for enough.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from registry.models.identity import new_public_id

SECOND_FACTORS = {"allauth.mfa.stages.AuthenticateStage"}


def shown_name(user: AbstractUser) -> str:
    """What a user is called, to their own eyes alone."""
    return user.email


class Adapter(DefaultAccountAdapter):
    def populate_username(self, request: HttpRequest, user: AbstractUser) -> None:
        """Not the part of the mail address before its @: a name of chance."""
        user.username = new_public_id()

    def get_login_stages(self) -> list[str]:
        """A passkey is another way in, no second step: who lost it still has the mail."""
        return [stage for stage in super().get_login_stages() if stage not in SECOND_FACTORS]

    def pre_login(
        self, request: HttpRequest, user: AbstractUser, **kwargs: Any
    ) -> HttpResponse | None:
        """A mailbox is not enough for who moderates: they sign in with their password."""
        if user.is_staff:
            return HttpResponseRedirect(reverse("admin:login"))
        return super().pre_login(request, user, **kwargs)

    def send_account_already_exists_mail(self, email: str) -> None:
        sign_in = settings.PUBLIC_URL + reverse("account_request_login_code")
        self.send_mail("account/email/account_already_exists", email, {"sign_in_url": sign_in})

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        site = {"name": settings.SOFTWARE_NAME, "domain": settings.PUBLIC_URL}
        super().send_mail(template_prefix, email, {**context, "current_site": site})
