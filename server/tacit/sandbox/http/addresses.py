"""URLs that guests ask for, and the addresses that their hosts lead to.

URLs are read strictly and written again from their parts, so that what was checked is what is sent: user info,
control characters and backslashes are refused, host names lower-cased and in their ASCII form, and every odd
spelling of an IPv4 address (`0x7f.1`, `2130706433`, full-width digits) becomes the usual one first.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urljoin

import idna

from tacit.sandbox.world import FailureCode, HostFailure

MAX_URL = 8192
_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]@%]+)(?::([0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SAFE_IN_TARGET = "%/?:@!$&'()*+,;=-._~|[]{}^`\""
_SCHEME_PORTS = {"http": 80, "https": 443}

_SPECIAL = {
    "0.0.0.0/8": "unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by carriers",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "cloud metadata",
    "169.254.169.254/32": "cloud metadata",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "reserved",
    "192.88.99.0/24": "reserved",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "reserved",
    "198.51.100.0/24": "reserved",
    "203.0.113.0/24": "reserved",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "::1/128": "loopback",
    "::/128": "unspecified",
    "fd00:ec2::/32": "cloud metadata",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "private",
    "ff00::/8": "multicast",
    "2001::/32": "a Teredo tunnel",
    "2001::/23": "reserved",
    "2001:db8::/32": "reserved",
    "2002::/16": "a 6to4 tunnel",
    "3fff::/20": "reserved",
}
"""The special-purpose registries of IANA, the most particular network first; not taken from `ipaddress`, whose
answers have changed with Python's version."""

_NETWORKS: list[tuple[IPv4Network | IPv6Network, str]] = [(ip_network(net), kind) for net, kind in _SPECIAL.items()]
_PUBLIC_IPV6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


@dataclass(frozen=True, slots=True)
class Url:
    """A URL that was read: `host` in lower-case ASCII (IPv6 in brackets), `target` the path with its query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def literal_address(self) -> str | None:
        """The address, when the host is one."""
        bare = self.host.strip("[]")
        return bare if self.host.startswith("[") or _NUMBER.fullmatch(bare.rpartition(".")[2]) else None

    @property
    def authority(self) -> str:
        """The host with its port, when that is not the scheme's own."""
        return self.host if self.port == _SCHEME_PORTS[self.scheme] else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_url(url: str) -> Url:
    """Read an http or https URL; raises `HostFailure(INVALID)` with what is wrong with it."""
    if len(url) > MAX_URL:
        raise _invalid(url, f"it is longer than {MAX_URL} characters")
    match = _URL.match(url)
    if match is None:
        raise _invalid(url, "only http:// and https:// URLs are fetched")
    scheme, authority, target = match[1].lower(), match[2], match[3]
    if _FORBIDDEN.search(authority) or re.search(r"[\x00-\x1f\x7f]", url):
        raise _invalid(url, "it has control characters, or a backslash or space in its host")
    if "@" in authority:
        raise _invalid(url, "user names and passwords are not sent")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise _invalid(url, "its host is malformed")
    port = int(parts[2]) if parts[2] else _SCHEME_PORTS[scheme]
    if not 0 < port <= 65535:
        raise _invalid(url, "its port is out of range")
    return Url(scheme, _host(url, parts[1]), port, _target(url, target))


def follow_reference(base: Url, reference: str) -> Url:
    """Return the URL that a reference, such as a `Location`, means on the page `base`; raises as `parse_url` does."""
    try:
        joined = urljoin(str(base), reference)
    except ValueError as error:
        raise _invalid(reference, "it is malformed") from error
    return parse_url(joined)


def kind_of(address: str) -> str | None:
    """Return why an address is not public (`loopback`, `private` …), or None for a public one.

    Addresses that carry an IPv4 address inside (mapped, compatible, NAT64) are judged by that one.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "not an address"
    if isinstance(parsed, IPv6Address):
        embedded = _embedded(parsed)
        if embedded is not None:
            return kind_of(str(embedded))
    for network, kind in _NETWORKS:
        if parsed.version == network.version and parsed in network:
            return kind
    return None if parsed.version == 4 or parsed in _PUBLIC_IPV6 else "reserved"


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses that the system's resolver gives for a host; raises OSError when there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _host(url: str, written: str) -> str:
    if written.startswith("["):
        try:
            return f"[{IPv6Address(written[1:-1])}]"
        except ValueError as error:
            raise _invalid(url, "its IPv6 address is malformed") from error
    name = written.lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise _invalid(url, "its host name is not valid") from error
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _invalid(url, "its host name is not valid")
    return _ipv4(url, name) if _NUMBER.fullmatch(labels[-1]) else name


def _ipv4(url: str, name: str) -> str:
    try:
        return socket.inet_ntoa(socket.inet_aton(name))
    except OSError as error:
        raise _invalid(url, "its IPv4 address is malformed") from error


def _target(url: str, written: str) -> str:
    try:
        target = quote(written, safe=_SAFE_IN_TARGET)
    except UnicodeEncodeError as error:
        raise _invalid(url, "it is not valid Unicode") from error
    return target if target.startswith("/") else f"/{target}"


def _invalid(url: str, why: str) -> HostFailure:
    return HostFailure(FailureCode.INVALID, f"the URL {url[:200]!a} is refused: {why}")
