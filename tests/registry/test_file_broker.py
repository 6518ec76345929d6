"""The broker of files: a message is whole or not there, and what is none stops nobody."""

from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from registry.celery import app, transport_options
from registry.file_broker import Channel


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    folders = ("data_folder_in", "data_folder_out", "processed_folder", "control_folder")
    places = dict.fromkeys(folders[:2], "messages") | {name: name for name in folders[2:]}
    options = {name: str(tmp_path / place) for name, place in places.items()}
    with Connection("filesystem://localhost", transport_options=options) as connection:
        yield connection.default_channel


def test_the_app_uses_it() -> None:
    assert app.connection().transport_cls == "filesystem"
    with Connection(
        "filesystem://localhost", transport_options=transport_options("filesystem")
    ) as c:
        assert isinstance(c.default_channel, Channel)


def test_messages_come_in_the_order_they_were_put(channel: Channel) -> None:
    channel._put("celery", {"number": 1})
    assert channel._get("celery") == {"number": 1}
    with pytest.raises(Empty):
        channel._get("celery")


@pytest.mark.parametrize("content", ["", "{", '{"body": '])
def test_half_a_message_is_passed_over(channel: Channel, content: str) -> None:
    Path(channel.data_folder_in, "1_x.celery.msg").write_text(content)
    channel._put("celery", {"number": 2})
    assert channel._get("celery") == {"number": 2}


def test_a_message_being_written_is_not_seen(channel: Channel) -> None:
    Path(channel.data_folder_in, ".1_x.celery.msg").write_text("{")
    with pytest.raises(Empty):
        channel._get("celery")


def test_another_queues_message_is_left(channel: Channel) -> None:
    channel._put("other", {"number": 3})
    with pytest.raises(Empty):
        channel._get("celery")
    assert channel._get("other") == {"number": 3}
