"""Charts know what the facts must be of to change them; those that are there learn it from their
parameters.
"""

from typing import Any

from django.db import migrations, models

from charts.params import ChartParams


def learn_scopes(apps: Any, schema_editor: Any) -> None:
    charts = apps.get_model("charts", "Chart").objects
    for pk, params in charts.values_list("pk", "params"):
        charts.filter(pk=pk).update(scope=ChartParams.from_dict(params).scope)


class Migration(migrations.Migration):
    dependencies = [("charts", "0001_initial")]

    operations = [
        migrations.AddField("chart", "scope", models.TextField(default="")),
        migrations.RunPython(learn_scopes, migrations.RunPython.noop),
        migrations.AddIndex(
            "chart", models.Index(fields=["scope", "wanted"], name="chart_by_scope")
        ),
    ]
