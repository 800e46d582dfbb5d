"""How URLs are read, and which addresses are not public."""

from __future__ import annotations

import pytest

from tacit.sandbox.http.addresses import kind_of, parse_url
from tacit.sandbox.world import FailureCode, HostFailure


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Example.COM", "https://example.com/"),
        ("https://example.com./a", "https://example.com/a"),
        ("HTTP://example.com:80/a?b=c#d", "http://example.com/a?b=c"),
        ("https://example.com:8443", "https://example.com:8443/"),
        ("https://example.com?x=1", "https://example.com/?x=1"),
        ("https://bücher.de/ä b", "https://xn--bcher-kva.de/%C3%A4%20b"),
        ("http://[0:0:0::1]:8080/", "http://[::1]:8080/"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://017700000001/", "http://127.0.0.1/"),
        ("http://0x7F000001./", "http://127.0.0.1/"),
        ("http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", "http://127.0.0.1/"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
        ("http://ⓛocalhost/", "http://localhost/"),
    ],
)
def test_urls_have_one_spelling(url: str, expected: str) -> None:
    """Case, trailing dots, default ports, IDNA and odd IPv4 forms become the one form that is checked and sent."""
    assert str(parse_url(url)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/",
        "//example.com/",
        "example.com",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://example.com:pass@evil.com/",
        "https://example.com\\@evil.com/",
        "https://example.com%2eevil.com/",
        "https://exa mple.com/",
        "https://example.com\r\nX: y/",
        "https://example.com/\r\nX: y",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:٣/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://a..b/",
        "https://-a.com/",
        "https://" + "a" * 64 + ".com/",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://0x/",
        "https://example.com/\ud800",
        "https://example.com/" + "a" * 9000,
    ],
)
def test_malformed_urls_are_invalid(url: str) -> None:
    """Other schemes, user info, backslashes, control characters and malformed hosts are refused unread."""
    with pytest.raises(HostFailure) as caught:
        parse_url(url)
    assert caught.value.code is FailureCode.INVALID


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("10.0.0.1", "private"),
        ("100.64.0.1", "shared by carriers"),
        ("100.100.100.200", "shared by carriers"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("168.63.129.16", "cloud metadata"),
        ("169.254.169.254", "cloud metadata"),
        ("169.254.1.1", "link-local"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.192", "reserved"),
        ("192.168.1.1", "private"),
        ("198.18.0.1", "reserved"),
        ("203.0.113.5", "reserved"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fd00:ec2::254", "cloud metadata"),
        ("fc00::1", "private"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("ff02::1", "multicast"),
        ("2001::1", "a Teredo tunnel"),
        ("2002:7f00:1::", "a 6to4 tunnel"),
        ("2001:db8::1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:a9fe:a9fe", "cloud metadata"),
        ("::127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "cloud metadata"),
        ("64:ff9b:1::1", "reserved"),
        ("::ffff:0:127.0.0.1", "reserved"),
        ("100::1", "reserved"),
        ("localhost", "not an address"),
        ("", "not an address"),
    ],
)
def test_addresses_that_are_not_public(address: str, kind: str) -> None:
    """Each special-purpose range is recognised, also inside an IPv6 address."""
    assert kind_of(address) == kind


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses(address: str) -> None:
    """Public addresses are not refused, also through IPv4-mapped forms and NAT64."""
    assert kind_of(address) is None
