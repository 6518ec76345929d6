"""The floor under the intake: a Django project of one view that decodes 5 KB of JSON and inserts
one row.

An application server loads `application`; DATABASE_URL says where the row goes. No middleware, no
routing to speak of, no validation: what a report costs beyond this is ours.
"""

import json
import os

import dj_database_url
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import path

DATABASE = dict(dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=60))
if "sqlite" in str(DATABASE["ENGINE"]):
    DATABASE["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
settings.configure(
    DATABASES={"default": DATABASE},
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=[],
    USE_TZ=True,
)
django.setup()


def insert(request: HttpRequest) -> JsonResponse:
    decoded = json.loads(request.body)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bare (kind, body) VALUES (%s, %s)", [decoded["kind"], request.body]
        )
    answer = JsonResponse({"stored": decoded["kind"]}, status=201)
    answer["Content-Length"] = str(len(answer.content))  # otherwise sent in chunks
    return answer


def create_table() -> None:
    """An empty table, before the server starts."""
    sqlite = connection.vendor == "sqlite"
    key = "integer PRIMARY KEY" if sqlite else "bigserial PRIMARY KEY"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bare")
        cursor.execute(
            f"CREATE TABLE bare (id {key}, kind text, body {'blob' if sqlite else 'bytea'})"
        )
    connection.close()


urlpatterns = [path("", insert)]
application = get_wsgi_application()

if __name__ == "__main__":
    create_table()
