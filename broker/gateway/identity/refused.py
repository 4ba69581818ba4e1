"""Why a credential does not count; the caller is told one thing in every case."""


class CredentialRefused(Exception):
    """A credential was offered that does not count. Its text is a code, for our own log."""
