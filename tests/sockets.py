"""Where processes listen, as the kernel tells it, and where they may."""

import re
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from random import SystemRandom

LISTENING = "0A"
PROCESSES = Path("/proc")
# Below those that the kernel gives to whoever asks for any: one of them may be another's before a server has begun.
ASKED_FOR_BY_NAME = range(20_000, 32_000)


def free_port() -> int:
    """A port that nobody listens at now, nor soon by chance."""
    while True:
        port = SystemRandom().choice(ASKED_FOR_BY_NAME)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def listened_at(pid: int) -> dict[int, IPv4Address | IPv6Address]:
    """The TCP ports on which a process or one below it accepts connections, each with the address it is bound to."""
    mine = {inode for one in family(pid) for inode in _sockets(one)}
    return {port: address for inode, address, port in _listening() if inode in mine}


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    parents = {int(place.name): _parent(place) for place in PROCESSES.iterdir() if place.name.isdigit()}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _parent(place: Path) -> int:
    try:
        return int(place.joinpath("stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _sockets(pid: int) -> Iterator[str]:
    try:
        for place in (PROCESSES / str(pid) / "fd").iterdir():
            yield from re.findall(r"socket:\[(\d+)\]", str(place.readlink()))
    except OSError:
        return


def _listening() -> Iterator[tuple[str, IPv4Address | IPv6Address, int]]:
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] == LISTENING:
                # Words of four bytes, each in the order of this machine.
                words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                yield fields[9], ip_address(b"".join(words)), int(port, 16)
