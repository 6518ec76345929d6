"""The Celery app: tasks take ids, messages are hints, and the sweeps find whatever a lost message
left undone.

Wiring, and so the one place beside settings and urls that names all three apps.
"""

import os
import socket
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from celery.schedules import crontab
from django.conf import settings
from kombu import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")

SWEEP_KEPT_S = 300.0
EXPORT_KEPT_S = 3600
TASK_LIMIT_S = 120
VISIBILITY_TIMEOUT_S = 600
# Linux names: a connection whose other end is gone for 60 s is gone too.
_KEEPALIVE = {
    getattr(socket, name): seconds
    for name, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
}


def transport_options(scheme: str) -> dict[str, Any]:
    """Options of a worker's connection. Producers in a request have their own, shorter ones:
    `registry.hints`.
    """
    if scheme == "filesystem":
        folder = settings.DATA_DIR / "broker"
        folders = {name: folder / name for name in ("messages", "processed", "control")}
        return {
            "data_folder_in": str(folders["messages"]),
            "data_folder_out": str(folders["messages"]),
            "processed_folder": str(folders["processed"]),
            "control_folder": str(folders["control"]),
            "polling_interval": 0.05,
        }
    if scheme.startswith("redis"):
        # Longer than any task may run, far below the default hour after which a killed worker's
        # task comes back.
        return {
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "socket_connect_timeout": 5,
            # A worker only listens: that the other host is gone it learns from these alone.
            "socket_keepalive": True,
            "socket_keepalive_options": _KEEPALIVE,
        }
    return {}


TRANSPORT_ALIASES["filesystem"] = "registry.file_broker:Transport"
app = Celery("registry")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_transport_options=transport_options(urlsplit(settings.CELERY_BROKER_URL).scheme),
    broker_connection_retry_on_startup=True,
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    # A message is done with when it is delivered: a killed task is found by its lease, not by the
    # broker. An acknowledgement that could not be sent while Redis was away would count as a
    # message in hand for ever, and a worker whose hands are full looks for no other, nor sees that
    # its connection is gone.
    task_queues=[
        Queue("celery", Exchange("celery"), routing_key="celery", no_ack=True),
        # For hosts that have DUMP_DIR: a worker listens to both unless --queues says otherwise.
        # Where nobody listens, the queue goes with its message.
        Queue("dump", Exchange("dump"), routing_key="dump", no_ack=True, expires=EXPORT_KEPT_S),
    ],
    task_default_queue="celery",
    task_routes={"submissions.tasks.export_dump": {"queue": "dump"}},
    task_acks_late=False,
    task_publish_retry=False,
    task_time_limit=TASK_LIMIT_S,
    task_soft_time_limit=TASK_LIMIT_S - 30,
    # A pool's child that is killed while it waits for work takes the lock of the pool's queue with
    # it wherever the broker has no event loop, as that of files has none; so there the worker works
    # alone, and its supervisor starts it again.
    worker_pool="solo" if settings.CELERY_BROKER_URL.startswith("filesystem") else "prefork",
    worker_max_tasks_per_child=500,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    timezone="UTC",
    beat_schedule={
        name: {
            "task": name,
            "schedule": seconds,
            # Longer than until the next: where workers are later than that, none would ever run.
            "options": {"expires": max(seconds, SWEEP_KEPT_S), "ignore_result": True},
        }
        for name, seconds in (
            ("submissions.tasks.sweep", settings.SWEEP_SECONDS),
            ("registry.tasks.sweep", settings.SWEEP_SECONDS),
            ("charts.tasks.sweep", settings.SWEEP_SECONDS),
            ("registry.tasks.forget_addresses", 3600.0),
            ("charts.tasks.remove_leftovers", 3600.0),
            ("submissions.tasks.erase_withdrawn", 3600.0),
            ("submissions.tasks.prune_readings", 3600.0),
            ("submissions.tasks.forget_visitors", 3600.0),
        )
    }
    | {
        "submissions.tasks.export_dump": {
            "task": "submissions.tasks.export_dump",
            "schedule": crontab(hour=3, minute=17),
            "options": {"expires": EXPORT_KEPT_S, "ignore_result": True},
        }
    },
)
app.autodiscover_tasks()
