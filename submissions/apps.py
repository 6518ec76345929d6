"""From bytes to facts."""

from django.apps import AppConfig
from django.conf import settings

from registry.env import BadSetting


class SubmissionsConfig(AppConfig):
    name = "submissions"

    def ready(self) -> None:
        """The rules are pure, so they are told their modes here, once."""
        from registry.metrics import add
        from submissions import metrics, peers, plausibility

        add(metrics.families)
        known = {rule.name for rule in plausibility.RULES}
        for name, mode in settings.PLAUSIBILITY_MODES.items():
            if name not in known | set(peers.NAMES):
                expected = "names of rules, as docs/plausibility.md lists them"
                raise BadSetting("PLAUSIBILITY_MODES", name, expected)
            if name in peers.NAMES and mode == "refuse":
                expected = f"{name}=hold at most: it needs the report to be stored"
                raise BadSetting("PLAUSIBILITY_MODES", f"{name}={mode}", expected)
        plausibility.configure(settings.PLAUSIBILITY_MODES)
