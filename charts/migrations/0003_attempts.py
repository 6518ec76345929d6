from django.db import migrations, models
from django.db.models.functions import Now
from django.utils import timezone


def learn_scopes_of_effects_anew(apps, schema_editor):
    """An empty scope is learned from the parameters; theirs was too narrow."""
    apps.get_model("charts", "Chart").objects.filter(params__kind="effects").update(scope="")


class Migration(migrations.Migration):
    dependencies = [("charts", "0002_chart_scope")]

    operations = [
        migrations.AddField(
            "chart",
            "stale_since",
            models.DateTimeField(default=timezone.now, db_default=Now()),
        ),
        migrations.AddField("chart", "started", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddField(
            "chart", "in_vain", models.PositiveIntegerField(default=0, db_default=0)
        ),
        migrations.AddField("chart", "drawings", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddField("chart", "drawing_s", models.FloatField(default=0.0, db_default=0.0)),
        migrations.AddField("drawing", "took_s", models.FloatField(default=0.0, db_default=0.0)),
        migrations.RunPython(learn_scopes_of_effects_anew, migrations.RunPython.noop),
    ]
