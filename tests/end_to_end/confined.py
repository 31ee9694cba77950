"""Runs a whole library where every packet that leaves the machine is seen, and says which did.

    unshare --net --mount python -m tests.end_to_end.confined DATA_DIR PHOTOS PACK

Started in a network of its own by `test_nothing_is_sent.py`. A cable to nowhere takes what is meant
for other machines, look-ups of names included; the last line printed is the list of the packets.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tests.headcount import Headcount
from tests.waiting import wait_until

OUTSIDE = "outside0"
ALL_PROTOCOLS = 0x0003
COMMANDS = (
    "ip link set lo up",
    f"ip link add name {OUTSIDE} type veth peer name {OUTSIDE}far",
    f"ip addr add 192.0.2.2/24 dev {OUTSIDE}",
    f"ip link set {OUTSIDE} arp off up",
    f"ip link set {OUTSIDE}far up",
    "ip route add default via 192.0.2.1",
)
"""192.0.2.0/24 is for documentation (RFC 5737): nobody has it."""


class Outside:
    """Takes down where packets to other machines were meant to go."""

    def __init__(self) -> None:
        self.packets: list[str] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._socket.bind((OUTSIDE, ALL_PROTOCOLS))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            packet = self._socket.recv(65536)
            if len(packet) >= 20 and packet[0] >> 4 == 4:
                target = socket.inet_ntoa(packet[16:20])
                self.packets.append(f"protocol {packet[9]} to {target}: {packet[28:90]!r}")
            elif packet[0] >> 4 == 6:
                target = socket.inet_ntop(socket.AF_INET6, packet[24:40])
                self.packets.append(f"IPv6 to {target}")


def prepare_network() -> None:
    """Let this network have a loopback, an outside that leads nowhere, and a server of names."""
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    for command in COMMANDS:
        subprocess.run(command.split(), check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as file:
        file.write("nameserver 192.0.2.53\noptions timeout:1 attempts:1\n")
    Path(file.name).chmod(0o644)
    subprocess.run(["mount", "--bind", file.name, "/etc/resolv.conf"], check=True)
    Path(file.name).unlink()


def use_everything(run: Headcount, photos: Path) -> None:
    """Take a library through a session, serve it, search in it, and start a session over HTTP."""
    run.start("--root", str(photos), "--keep")
    run.wait_until_ready()
    path = "/api/v1/training/1/progress/unified"
    wait_until(lambda: run.get(path).body["overallStatus"] == "completed", "the first session ends")
    photo = next(photos.rglob("*.jpg")).read_bytes()
    found = run.send("POST", "/api/v1/faces/search", photo, {"Content-Type": "image/jpeg"})
    assert found.status == 200, found.body
    second = run.post("/api/v1/training", {"rootPath": str(photos)})
    assert second.status == 201, second.body
    path = f"/api/v1/training/{second.body['sessionId']}/progress/unified"
    wait_until(lambda: run.get(path).body["overallStatus"] == "completed", "the second one ends")
    run.end()


def main() -> None:
    """Use everything, and print what was sent, after a packet that proves that it would be seen."""
    data_dir, photos, pack = (Path(argument) for argument in sys.argv[1:])
    prepare_network()
    outside = Outside()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b"probe", ("192.0.2.7", 9))
    wait_until(lambda: outside.packets, "the probe is seen")
    (probe_seen,) = outside.packets
    assert "192.0.2.7" in probe_seen, outside.packets
    outside.packets.clear()
    run = Headcount(data_dir, pack=str(pack), extra={"HEADCOUNT_ALLOWED_ROOTS": str(photos)})
    try:
        use_everything(run, photos)
    finally:
        run.kill()
    sys.stdout.write(json.dumps(outside.packets) + "\n")


if __name__ == "__main__":
    main()
