"""Private keys in another process: the `Keeper` that asks the key service for everything.

Whoever answers is believed only after three checks: the kernel names the expected user, nobody
else can put a socket at that place, and it proves that it holds a key of the register. All else
is a service that is away: what needs a key waits, and nothing is taken for destroyed.
"""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

from broker.errors import KeeperUnavailable
from broker.protect.algorithms import Algorithm
from broker.protect.keeper_challenge import is_proven
from broker.protect.keeper_frames import (
    FrameInvalid,
    Operation,
    Outcome,
    peer_of,
    read_frame,
    write_frame,
)
from broker.protect.register import Register
from broker.protect.slot_seal import SealBroken
from broker.protect.socket_place import ROOT, others_may_replace

#: Roles wait for an answer without answering Kafka, so not for long.
_PATIENCE_SECONDS = 5.0

#: The register in force; None before there is one.
RegisterIfAny = Callable[[], Register | None]


class SocketKeeper:
    """Keys that the key service at *path* holds.

    Every method may raise `KeeperUnavailable`: the service is away, or refuses.

    Args:
        path: Its socket.
        user: Id of the user that the service runs as.
        register: Whose keys the service must prove to hold; None, or no register yet: it cannot.
    """

    def __init__(self, path: Path, user: int, register: RegisterIfAny | None = None) -> None:
        self._path = path
        self._user = user
        self._register = register
        self._connection: socket.socket | None = None
        self._turn = threading.Lock()

    def __repr__(self) -> str:
        return "SocketKeeper()"

    def generate(self, algorithm: Algorithm, owner: str) -> tuple[str, bytes]:
        """Make a key; return its id and its public half."""
        key_id, public = self._ask(Operation.GENERATE, algorithm.encode(), owner.encode())
        return key_id.decode(), public

    def holds(self, key_id: str) -> bool:
        """Whether the private key is there."""
        (held,) = self._ask(Operation.HOLDS, key_id.encode())
        return held == b"\x01"

    def sign(self, key_id: str, message: bytes) -> bytes:
        """Return the ECDSA signature of *message*.

        Raises:
            KeyError: The private key is not there, or is for something else.
        """
        (signature,) = self._ask(Operation.SIGN, key_id.encode(), message)
        return signature

    def unwrap(self, key_id: str, wrapped: bytes, info: bytes) -> bytes:
        """Return the key that was wrapped for *key_id*.

        Raises:
            KeyError: The private key is not there, was destroyed, or is for something else.
            SealBroken: It was wrapped otherwise.
        """
        (key,) = self._ask(Operation.UNWRAP, key_id.encode(), wrapped, info)
        return key

    def destroy(self, key_id: str) -> None:
        """Make the private key unrecoverable, as far as the service can."""
        self._ask(Operation.DESTROY, key_id.encode())

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, operation: Operation, *fields: bytes) -> list[bytes]:
        with self._turn:
            outcome, said = self._answered(operation, fields)
        match outcome:
            case Outcome.DONE:
                return said
            case Outcome.NO_KEY:
                raise KeyError
            case Outcome.BROKEN:
                raise SealBroken
            case Outcome.REFUSED:
                raise KeeperUnavailable("KEYS_REFUSED")
            case _:
                raise KeeperUnavailable("KEYS_FAILED")

    def _answered(self, operation: Operation, fields: tuple[bytes, ...]) -> tuple[int, list[bytes]]:
        if operation is Operation.GENERATE:
            self.close()  # asked once, on a connection that is sure to be fresh
        # A service that was started anew has closed the connection: whatever repeats is harmless.
        attempts = 1 if self._connection is None else 2
        for _ in range(attempts):
            try:
                connection = self._connected()
                write_frame(connection, operation, fields)
                return read_frame(connection)
            except (OSError, FrameInvalid):
                self.close()
        raise KeeperUnavailable("KEYS_AWAY")

    def _connected(self) -> socket.socket:
        if self._connection is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(_PATIENCE_SECONDS)
            try:
                connection.connect(str(self._path))
                self._refuse_stranger(connection)
                self._refuse_impostor(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _refuse_stranger(self, connection: socket.socket) -> None:
        """Only the service's own user, at a place of its own, is told what to sign."""
        _, user, _ = peer_of(connection)
        if user not in {self._user, ROOT} or others_may_replace(self._path, self._user):
            raise KeeperUnavailable("KEYS_OF_A_STRANGER")

    def _refuse_impostor(self, connection: socket.socket) -> None:
        """Whoever answers holds a key of the register, once there is one."""
        register = self._register() if self._register is not None else None
        if register is not None and not is_proven(connection, register):
            raise KeeperUnavailable("KEYS_UNPROVEN")
