"""The moderators' door: their password, and how often it may be guessed."""

from typing import Any

from allauth.core import ratelimit
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError

from registry.body import sender_address

# In ACCOUNT_RATE_LIMITS: from one sender, and for one name from wherever. The second is wide, since
# whoever uses it up keeps the moderator out as well.
OF_SENDER, OF_NAME = "moderator_failed", "moderator_name_failed"


class PasswordForm(AdminAuthenticationForm):
    """Django's, that looks at no password of who failed too often."""

    def clean(self) -> dict[str, Any]:
        assert self.request is not None  # the admin gives it
        name = str(self.cleaned_data.get("username", "")).casefold()
        keys = {OF_SENDER: f"{name} {sender_address(self.request)}", OF_NAME: name}
        if not all(
            ratelimit.consume(self.request, action=action, key=key) for action, key in keys.items()
        ):
            raise ValidationError("Too many sign-ins failed: try again in five minutes.")
        cleaned: dict[str, Any] = super().clean()
        for action, key in keys.items():
            ratelimit.clear(self.request, action=action, key=key)
        return cleaned
