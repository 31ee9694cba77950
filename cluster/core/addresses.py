"""Tells whether an address, in any spelling, belongs to the public internet."""

from __future__ import annotations

import ipaddress
import re
import socket

_NUMBERS = re.compile(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+)){0,3}\.?", re.IGNORECASE)
"""A spelling of an IPv4 address that resolvers accept: one to four numbers, decimal, octal or
hexadecimal."""

_EMBEDDING = tuple(
    ipaddress.ip_network(network)
    for network in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
)
"""IPv6 networks whose addresses stand for IPv4 addresses: RFC 4291, 6052, 8215, 4380 and 3056.

A gateway could send them on to a private address, so none of them counts as public.
"""


def is_public(address: str) -> bool:
    """Tell whether a numeric address belongs to the public internet.

    Loopback, private, link-local, shared, multicast, reserved and unspecified addresses do not.
    Neither does an IPv6 address that stands for an IPv4 address, except for a mapped address
    (::ffff:0:0/96) that stands for a public one. Raises ValueError for text that is not an address.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found.is_site_local or any(found in network for network in _EMBEDDING):
            return False
    return found.is_global and not (found.is_multicast or found.is_reserved)


def read_literal(host: str) -> str | None:
    """Return the address that a host spells with numbers; None for a name.

    An IPv4 address may have fewer than four parts, and octal or hexadecimal ones: `127.1`,
    `2130706433`, `0177.0.0.1` and `0x7f000001` are 127.0.0.1, as resolvers read them.
    """
    bare = host.strip("[]")
    try:
        return str(ipaddress.ip_address(bare.partition("%")[0]))
    except ValueError:
        pass
    if not _NUMBERS.fullmatch(bare):
        return None
    try:
        return socket.inet_ntoa(socket.inet_aton(bare.rstrip(".")))
    except OSError:
        return None
