"""The moderators' door: their password, and how often it may be guessed."""

from typing import Any

from allauth.core import ratelimit
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError

# django-allauth's own limit: 10 failures a minute from an address, of IPv6 a /64, and 5 in five
# minutes for a name, wherever they come from.
FAILED = "login_failed"


class PasswordForm(AdminAuthenticationForm):
    """Django's, that looks at no password of who failed too often."""

    def clean(self) -> dict[str, Any]:
        name = str(self.cleaned_data.get("username", "")).casefold()
        if not ratelimit.consume(self.request, action=FAILED, key=name):
            raise ValidationError("Too many sign-ins failed: try again in five minutes.")
        cleaned: dict[str, Any] = super().clean()
        ratelimit.clear(self.request, action=FAILED, key=name)
        return cleaned
