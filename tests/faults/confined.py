"""Celery, or the site, that notes each connection it makes and each program it starts in the file
CRR_NOTED, with what it is itself, and makes it all the same. PostgreSQL's own connections are made
in C, by a socket in a folder.
"""

import json
import os
import sys
from typing import Any

EVENTS = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec")
PART = next((part for part in ("worker", "beat") if part in sys.argv), "web")


def note(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in EVENTS:
        return
    what = arguments[1] if event == "socket.connect" else arguments[0]
    if isinstance(what, tuple):
        what = ":".join(map(str, what[:2]))
    line = json.dumps([PART, event, str(what)]) + "\n"
    file = os.open(os.environ["CRR_NOTED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, line.encode())
    os.close(file)


sys.addaudithook(note)


def application(environ: Any, start_response: Any) -> Any:
    from registry.wsgi import application as registry

    return registry(environ, start_response)


if __name__ == "__main__":
    from registry.celery import app

    app.start(sys.argv[1:])
