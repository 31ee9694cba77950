"""Addresses outside the public internet are recognised in every spelling."""

from __future__ import annotations

import pytest

from cluster.core.addresses import is_public, read_literal

PRIVATE = (
    *("127.0.0.1", "127.255.0.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255"),
    *("240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1"),
    *("fd12::1", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001::1"),
)
PUBLIC = ("1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8")

LOOPBACK = (
    *("127.1", "127.0.1", "2130706433", "0177.0.0.1", "017700000001", "0x7f000001"),
    *("0x7f.0.0.1", "0X7F.1", "127.0.0.1.", "[127.0.0.1]"),
)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_no_public_host_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", LOOPBACK)
def test_numbers_are_read_as_resolvers_read_them(host: str) -> None:
    assert read_literal(host) == "127.0.0.1"


@pytest.mark.parametrize(
    "host", ["localhost", "a.example", "1.2.3.4.5", "beef", "0x7g", "300.1.1.1"]
)
def test_a_name_is_no_address(host: str) -> None:
    assert read_literal(host) is None


def test_a_scope_is_no_part_of_an_address() -> None:
    assert read_literal("[fe80::1%25eth0]") == "fe80::1"
