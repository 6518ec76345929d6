from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0004_findings")]

    operations = [
        migrations.AddField(
            "recipe", "generation", models.BigIntegerField(default=0, db_default=0)
        ),
    ]
