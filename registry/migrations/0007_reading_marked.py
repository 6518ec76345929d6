from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0006_kept_answers")]

    operations = [migrations.AddField("reading", "marked_at", models.DateTimeField(null=True))]
