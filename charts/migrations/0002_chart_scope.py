from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("charts", "0001_initial")]

    operations = [
        migrations.AddField("chart", "scope", models.TextField(default="", db_default="")),
        migrations.AddIndex(
            "chart", models.Index(fields=["scope", "wanted"], name="chart_by_scope")
        ),
    ]
