"""Addresses: which are the public internet's, and which lead into somebody's own network."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# Not public in every Python's eyes, and for us neither.
_OTHERS = tuple(
    ip_network(text)
    for text in (
        "100.64.0.0/10",  # carriers' NAT; Aliyun's metadata is in it
        "168.63.129.16/32",  # Azure's own services
        "192.0.0.0/24",  # protocols; Oracle's metadata is in it
        "192.88.99.0/24",  # 6to4 relays
        "64:ff9b:1::/48",  # NAT64 of a local network
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local
    )
)
_NAT64 = ip_network("64:ff9b::/96")  # an IPv4 address in the last 32 bits


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is written as, None where it is a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is one of the public internet.

    Not: private, loopback, link-local (with the clouds' metadata), carriers' NAT, multicast,
    reserved; nor IPv6 with such an IPv4 address inside.
    """
    if isinstance(address, IPv6Address):
        inside = address.ipv4_mapped
        if inside is None and address in _NAT64:
            inside = IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(inside)
    if any(address.version == each.version and address in each for each in _OTHERS):
        return False
    odd = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not odd
