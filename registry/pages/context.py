"""What every page knows of the site."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str | bool]:
    return {
        "PUBLIC_URL": settings.PUBLIC_URL,
        "SITE_NAME": settings.SOFTWARE_NAME,
        "mail_is_sent": settings.MAIL_IS_SENT,
    }
