"""A host whose every private fact is a canary: a namespace of network, names, mounts and processes,
and the program that runs the client in it.

Run as a program inside, as `run` does: it answers with what the host says of itself, what each
command printed, what the registry and the cloud's metadata service got, and what else left by the
card, as JSON. Nothing can be written there but below /home and in memory.
"""

import base64
import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.client import commands, short_driver, tune_driver
from tests.client.small_registry import SmallRegistry
from tests.end_to_end import canaries

ROOT = Path(__file__).resolve().parent.parent.parent
ALONE = "unshare --net --uts --mount --pid --fork --kill-child --mount-proc".split()
METADATA = "169.254.169.254"
NAME_SERVER = "198.51.100.53"
ETH_P_ALL = 3
PROBE = b"a word that leaves by the card"
OWN_PATH = f"/home/{canaries.USER}/mine.json"
# What the client asks the cloud for; any other question is answered with the instance's identity.
HARMLESS = {"token": "dG9rZW4", "instance-type": "c1.xlarge", "region": "eu-west-1"}
HARMLESS["ami-id"] = "ami-08f40561"
FILES = {
    "/etc/passwd": f"{canaries.USER}:x:0:0::/home/{canaries.USER}:/bin/sh\n",
    "/etc/hosts": f"127.0.0.1 {canaries.HOST}.{canaries.DOMAIN} {canaries.HOST} localhost\n"
    f"{canaries.IPV4} {canaries.HOST}.{canaries.DOMAIN} {canaries.HOST}\n",
    "/etc/hostname": canaries.HOST + "\n",
    "/etc/resolv.conf": f"search {canaries.DOMAIN}\nnameserver {NAME_SERVER}\n",
    "/etc/machine-id": canaries.MACHINE_ID + "\n",
}
FIRMWARE = {
    "sys_vendor": "Amazon EC2",
    "product_name": "c1.xlarge",
    "product_serial": canaries.INSTANCE,
    "product_uuid": canaries.MACHINE_ID,
    "board_asset_tag": canaries.INSTANCE,
    "chassis_asset_tag": canaries.HOST,
}
CLOUD_INIT = {
    "v1": {"cloud_name": "aws", "region": "eu-west-1", "instance_id": canaries.INSTANCE},
    "ds": {"meta_data": {"local-hostname": canaries.HOST, "local-ipv4": canaries.IPV4}},
}
# The card has the user's name, since a host may name its cards as it likes. /sys/class is laid out
# anew, with the cards that are there, since no folder for firmware can be made in the kernel's own.
SETTING_UP = f"""
set -e
mkdir "$MADE/homes" && mount --bind /home "$MADE/homes"
for name in $(ls "$MADE/homes"); do
    mkdir "$MADE/home/$name" && mount --bind "$MADE/homes/$name" "$MADE/home/$name"
done
mount --rbind "$MADE/home" /home
for file in {" ".join(FILES)}; do [ -e $file ] && mount --bind "$MADE$file" $file; done
mount -t sysfs sysfs /sys
mount -t tmpfs run /run && mkdir /run/cloud-init
cp "$MADE/instance-data.json" /run/cloud-init/
echo {canaries.HOST} > /proc/sys/kernel/hostname
echo {canaries.DOMAIN} > /proc/sys/kernel/domainname
ip link set lo up
ip address add {METADATA}/32 dev lo
ip link add {canaries.USER} address {canaries.MAC} type veth peer name other
ip address add {canaries.IPV4}/24 dev {canaries.USER}
ip address add {canaries.IPV6}/64 dev {canaries.USER} nodad
ip address add {canaries.SENDER}/24 dev {canaries.USER}
ip link set {canaries.USER} up && ip link set other up
ip neighbour add {NAME_SERVER} lladdr 02:00:00:00:00:53 dev {canaries.USER}
ip route add default via 198.51.100.1 dev {canaries.USER}
cp -a /sys/class/net "$MADE/net"
mount -t tmpfs class /sys/class && cp -a "$MADE/net" /sys/class/net
mkdir -p /sys/class/dmi && cp -r "$MADE/firmware" /sys/class/dmi/id
mount -o remount,ro,bind /
cd {canaries.PATH}
exec "$0" "$@"
"""


def run(folder: Path) -> dict[str, Any]:
    """What `main` answers; what the commands wrote is then below the folder's `home`."""
    contents = {**FILES, "/instance-data.json": json.dumps(CLOUD_INIT)}
    contents.update((f"/firmware/{name}", text) for name, text in FIRMWARE.items())
    for name, text in contents.items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in (canaries.PATH, "/home/tmp"):
        (folder / name.lstrip("/")).mkdir(parents=True)
    done = subprocess.run(
        [*ALONE, "sh", "-c", SETTING_UP, sys.executable, "-m", __name__],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": search_path(), "MADE": str(folder)},
        capture_output=True,
        timeout=commands.LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def search_path() -> str:
    return f"{ROOT}:{commands.SOURCE}"


def main() -> None:
    with SmallRegistry() as registry, metadata() as asked, card() as packets:
        host = itself()
        asked.clear()
        said = {name: said_by(words) for name, words in command_lines(registry.url).items()}
        requests = [[path, headers, body.decode()] for path, headers, body in registry.requests]
        left = [base64.b64encode(packet).decode() for packet in packets()]
    answer = {"host": host, "said": said, "requests": requests, "asked": asked, "packets": left}
    print(json.dumps(answer))


def command_lines(registry: str) -> dict[str, str]:
    """The command lines that run one after the other, by what they do."""
    client, short = "-m crr_submit", shlex.quote(short_driver.__file__)
    tune = f"{shlex.quote(tune_driver.__file__)} /home/journal 'before apply 99' SIGKILL tune"
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    return {
        "show": f"{client} show",
        "show as JSON": f"{client} show --json",
        "measure and send": f"{short} --yes --machine-id --registry {registry}",
        "measure": f"{short} run -o report.json",
        "measure elsewhere": f"{short} run -o {OWN_PATH}",
        "send": f"{client} send report.json --registry {registry}",
        "send to nobody": f"{short} send report.json --registry {nobody}",
        "nobody as JSON": f"{short} send report.json --json --registry {nobody}",
        "post": f"{client} post report.json",
        "mail": f"{client} post report.json --eml",
        "show before sending": f"{short} --dry-run -o seen.json",
        "tune": f"{tune} several --yes --registry {registry}",
        "refuse": f"{client} tune irq_spread",
    }


def said_by(words: str) -> list[Any]:
    """Exit code and all that the command printed, started as that user would."""
    done = subprocess.run(
        [sys.executable, *shlex.split(words)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=commands.LIMIT_S,
        check=False,
    )
    return [done.returncode, done.stdout.decode()]


def environment() -> Mapping[str, str]:
    """A user's, with every canary in it once more under a name of its own."""
    ours = {f"CANARY_{number}": text for number, text in enumerate(canaries.CANARIES)}
    return {
        **ours,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": search_path(),
        "HOME": f"/home/{canaries.USER}",
        "PWD": canaries.PATH,
        "USER": canaries.USER,
        "LOGNAME": canaries.USER,
        "SUDO_USER": canaries.USER,
        "HOSTNAME": canaries.HOST,
        "EMAIL": canaries.MAIL,
        "SSH_CONNECTION": f"{canaries.SENDER} 50000 {canaries.IPV4} 22",
        "TMPDIR": "/home/tmp",
        "FIRST_DELAY_S": "0.001",
    }


def itself() -> str:
    """What any program on this host can find out, for the proof that the canaries are there."""
    own = "import os, pwd, socket, urllib.request as r\n"
    own += "print(socket.gethostname(), socket.getfqdn(), pwd.getpwuid(0).pw_name, os.getcwd())\n"
    own += f"print(r.urlopen('http://{METADATA}/latest/meta-data/instance-id').read().decode())\n"
    own += "print(os.environ['EMAIL'], open('/sys/class/dmi/id/product_uuid').read())"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(PROBE, (NAME_SERVER, 53))
    addresses = subprocess.run(["ip", "address"], capture_output=True, check=True)
    code, said = said_by(f"-c {shlex.quote(own)}")
    assert code == 0, said
    return addresses.stdout.decode() + str(said)


@contextlib.contextmanager
def card() -> Iterator[Callable[[], list[bytes]]]:
    """What answers the TCP and UDP packets that left by the card, seen from its other end. The
    kernel's own (ARP, router solicitations) are no program's doing.
    """
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as other:
        other.bind(("other", 0))
        other.setblocking(False)
        yield lambda: [frame for frame in frames(other) if protocol(frame) in (6, 17)]


def frames(other: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(BlockingIOError):
        while True:
            yield other.recv(65_536)


def protocol(frame: bytes) -> int | None:
    """The number of what an Ethernet frame of IPv4 or IPv6 carries."""
    place = {b"\x08\x00": 23, b"\x86\xdd": 20}.get(frame[12:14])
    return None if place is None else frame[place]


@contextlib.contextmanager
def metadata() -> Iterator[list[list[Any]]]:
    """The cloud's metadata service, and the list of what it was asked."""
    asked: list[list[Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append([self.path, dict(self.headers)])
            body = HARMLESS.get(self.path.rpartition("/")[2], canaries.INSTANCE).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer((METADATA, 80), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield asked
        server.shutdown()


if __name__ == "__main__":
    main()
