from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0004_findings")]

    operations = [
        migrations.AddField(
            name, "generation", models.BigIntegerField(default=0, db_default=0)
        )
        for name in ("recipe", "reading")
    ]
