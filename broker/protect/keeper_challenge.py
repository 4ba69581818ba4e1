"""The key service proves who it is: it signs, or unwraps, what it cannot have seen before.

    "lali key service challenge 1" LF | 32 random bytes

is signed under a signing key of the register, or wrapped for a sealing key of it. The hub's keys
are asked for first: a hub's service holds them, a unit's own service holds the unit's.
"""

import secrets
import socket

from broker.protect.algorithms import Algorithm
from broker.protect.keeper_frames import Operation, Outcome, read_frame, write_frame
from broker.protect.register import Holder, Key, Register
from broker.protect.signature import is_valid
from broker.protect.wrap import wrap

_DOMAIN = b"lali key service challenge 1\n"
_NONCE_BYTES = 32


def is_proven(connection: socket.socket, register: Register) -> bool:
    """Whether who answers at *connection* holds the private half of a key in *register*.

    Raises:
        FrameInvalid: It does not speak the key service's protocol.
        OSError: The connection broke.
    """
    for key in sorted(register.keys, key=lambda key: key.holder is not Holder.HUB):
        outcome, said = _ask(connection, Operation.HOLDS, key.id.encode())
        if outcome == Outcome.DONE and said == [b"\x01"]:
            return _holds(connection, key)
    return False


def _holds(connection: socket.socket, key: Key) -> bool:
    challenge = _DOMAIN + secrets.token_bytes(_NONCE_BYTES)
    named = key.id.encode()
    if key.algorithm is Algorithm.ECDSA_P256_SHA256:
        outcome, said = _ask(connection, Operation.SIGN, named, challenge)
        return outcome == Outcome.DONE and is_valid(key.public_bytes, b"".join(said), challenge)
    wrapped = wrap(challenge, key.public_bytes, _DOMAIN)
    outcome, said = _ask(connection, Operation.UNWRAP, named, wrapped, _DOMAIN)
    return outcome == Outcome.DONE and said == [challenge]


def _ask(
    connection: socket.socket, operation: Operation, *fields: bytes
) -> tuple[int, list[bytes]]:
    write_frame(connection, operation, fields)
    return read_frame(connection)
