"""Certificates of clients, and the authorities that issued them: right ones and all others."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

UNIT = "unit.fiji-police"
NOW = dt.datetime.now(dt.UTC)
CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
USAGES = (
    "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
    "key_cert_sign crl_sign encipher_only decipher_only"
).split()


def usage(*named):
    return x509.KeyUsage(**{name: name in named for name in USAGES})


def named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A CA, or what only looks like one."""

    def __init__(self, name, issuer=None, *more, constraints=(True, None), days=(-2, 30)):
        self.name, self.key = name, ec.generate_private_key(ec.SECP256R1())
        extensions = list(more)
        if constraints is not None:
            extensions.append((x509.BasicConstraints(*constraints), True))
        self.certificate = (issuer or self).sign(name, self.key, extensions, days)

    def sign(self, name, key, extensions=(), days=(-1, 20)):
        builder = x509.CertificateBuilder(named(self.name), named(name), key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(NOW + dt.timedelta(days=days[0]))
        builder = builder.not_valid_after(NOW + dt.timedelta(days=days[1]))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())


def pem(*certificates):
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def issued(authority, *extensions, key=None, days=(-1, 20)):
    key = key or ec.generate_private_key(ec.SECP256R1())
    return authority.sign(UNIT, key, extensions, days), key


def alternative(text):
    return x509.SubjectAlternativeName([x509.DNSName(text)])


def plain(root):
    return root, [], issued(root)


def under(*more, **how):
    root = Authority("root", None, *more, **how)
    return root, [], issued(root)


def between(*more, **how):
    root = Authority("root")
    middle = Authority("middle", root, *more, **how)
    return root, [middle], issued(middle)


def child(*extensions, key=None, days=(-1, 20)):
    root = Authority("root")
    return root, [], issued(root, *extensions, key=key, days=days)


def constrained(text):
    root = Authority(
        "root", None, (x509.NameConstraints([x509.DNSName("lali.example")], None), True)
    )
    return root, [], issued(root, (alternative(text), False))


def _too_long():
    root = Authority("root", constraints=(True, 0))
    middle = Authority("middle", root)
    return root, [middle], issued(middle)


TAKEN = {
    "plain": lambda: plain(Authority("root")),
    "with_usages": lambda: child((CLIENT, False), (usage("digital_signature"), True)),
    "by_an_intermediate": between,
    "unknown_extension": lambda: child((UNKNOWN, False)),
    "within_name_constraints": lambda: constrained("fiji.lali.example"),
}
REFUSED = {
    "authority_expired": lambda: under(days=(-9, -1)),
    "authority_not_yet": lambda: under(days=(3, 9)),
    "authority_is_none": lambda: under(constraints=(False, None)),
    "authority_may_not_issue": lambda: under((usage("digital_signature"), True)),
    "unknown_critical_in_authority": lambda: under((UNKNOWN, True)),
    "intermediate_expired": lambda: between(days=(-9, -1)),
    "intermediate_is_none": lambda: between(constraints=(False, None)),
    "intermediate_may_not_issue": lambda: between((usage("digital_signature"), True)),
    "expired": lambda: child(days=(-9, -1)),
    "not_yet": lambda: child(days=(3, 9)),
    "for_servers": lambda: child((SERVER, False)),
    "may_not_sign": lambda: child((usage("key_agreement"), True)),
    "unknown_critical": lambda: child((UNKNOWN, True)),
    "weak_key": lambda: child(key=rsa.generate_private_key(65537, 1024)),
    "outside_name_constraints": lambda: constrained("elsewhere.example"),
    "of_another_authority": lambda: (Authority("root"), [], issued(Authority("root"))),
    "signed_by_itself": lambda: (Authority("root"), [], issued(Authority(UNIT))),
    "path_too_long": _too_long,
}
