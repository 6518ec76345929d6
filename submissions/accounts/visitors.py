"""What people leave behind who came to sign up or in and went: it goes after a day, so that nobody
fills the disk by coming again and again. Called by a task.
"""

import time
from datetime import timedelta
from importlib import import_module
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

KEPT_FOR = timedelta(days=1)


def forget() -> None:
    """Sessions that ended, users who never gave the code they were sent, and the mails with those
    codes where they are written to a folder.
    """
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    came = User.objects.filter(
        is_staff=False, account=None, date_joined__lt=timezone.now() - KEPT_FOR
    )
    came.exclude(emailaddress__verified=True).delete()
    if not settings.MAIL_IS_SENT:
        _forget_mails(Path(settings.EMAIL_FILE_PATH), time.time() - KEPT_FOR.total_seconds())


def _forget_mails(folder: Path, before_s: float) -> None:
    for path in folder.glob("*.log"):  # Django's file-based backend calls them so
        if path.stat().st_mtime < before_s:
            path.unlink(missing_ok=True)
