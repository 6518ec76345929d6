"""Code of the release before runs on the schema of this one: a migration only adds."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations.executor import MigrationExecutor

OURS = {"registry", "submissions", "charts"}
# From before the first release: no code of anybody's is older than they are.
FIRST = {
    ("registry", "0002_reading_fingerprint"),
    ("registry", "0003_moved_counters"),
}
ADDING = (migrations.CreateModel, migrations.AddIndex, migrations.RunPython, migrations.RunSQL)


def later_migrations() -> list[Any]:
    executor = MigrationExecutor(connection)
    found = [executor.loader.get_migration(*key) for key in executor.loader.graph.nodes]
    return [
        migration
        for migration in found
        if migration.app_label in OURS
        and not migration.initial
        and (migration.app_label, migration.name) not in FIRST
    ]


def only_adds(operation: Any) -> bool:
    """Whether code that knows nothing of it goes on: it leaves a new column out of its INSERT."""
    if isinstance(operation, migrations.AddField):
        field = operation.field
        return field.null or field.db_default is not models.NOT_PROVIDED
    return isinstance(operation, ADDING)


@pytest.mark.django_db
def test_old_code_runs_on_the_new_schema() -> None:
    wrong = [
        f"{migration}: {operation.describe()}"
        for migration in later_migrations()
        for operation in migration.operations
        if not only_adds(operation)
    ]
    assert wrong == [], "give a column null or db_default; drop or rename one release later"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["charts.Chart", "registry.Recipe"])
def test_row_of_the_first_schema_goes_into_the_newest(name: str) -> None:
    """What old code writes, that knows of no later column."""
    label, model = name.split(".")
    state = MigrationExecutor(connection).loader.project_state((label, "0001_initial"))
    old = state.apps.get_model(label, model)
    known = {
        field.name: _value(field)
        for field in old._meta.fields
        if not field.primary_key and not field.has_default() and not field.null
    }
    row = old.objects.create(**known)
    assert apps.get_model(label, model).objects.filter(pk=row.pk).exists()


def _value(field: Any) -> Any:
    return {} if isinstance(field, models.JSONField) else "1"


def test_the_rule_names_what_old_code_cannot_live_with() -> None:
    column = models.IntegerField(default=0)
    for operation in (
        migrations.AddField("run", "x", column),
        migrations.RemoveField("run", "value"),
        migrations.RenameField("run", "value", "rate"),
    ):
        assert not only_adds(operation)
    assert only_adds(migrations.AddField("run", "x", models.IntegerField(null=True)))
    assert only_adds(migrations.AddField("run", "x", models.IntegerField(db_default=0)))
