"""The key service: private keys in a process of their own, used over a Unix socket.

Roles ask it to sign and to unwrap; a private key never leaves it. Linux tells who is at the
other end (SO_PEERCRED): the service's own user may do everything, users that are named may use
keys but neither make nor destroy one, and everybody else is turned away before a byte is read.
"""

import ctypes
import os
import resource
import signal
import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from broker.errors import SettingsInvalid
from broker.protect.algorithms import Algorithm
from broker.protect.keeper import FileKeeper, Keeper
from broker.protect.keeper_frames import (
    FrameInvalid,
    Operation,
    Outcome,
    peer_of,
    read_frame,
    write_frame,
)
from broker.protect.slot_seal import SealBroken
from broker.protect.socket_place import others_may_replace
from broker.protect.stranger_log import StrangerLog

log = structlog.get_logger()

_PR_SET_DUMPABLE = 4
#: What users that are named may ask: use, and nothing that changes which keys there are.
_USES = frozenset({Operation.HOLDS, Operation.SIGN, Operation.UNWRAP})

#: A role holds one connection; far more than that from one user is a fault.
_CONVERSATIONS = 64

_Answer = tuple[Outcome, tuple[bytes, ...]]


class KeyService(socketserver.ThreadingUnixStreamServer):
    """Serves *keeper* on a socket, until `shutdown`.

    Args:
        path: Where the socket is made. One that nobody listens at is replaced.
        keeper: Holds the keys.
        users: Ids of other users of this machine that may use keys.

    Raises:
        SettingsInvalid: Somebody listens there, a socket cannot be made there, or others may
            write to its folder and could put a socket of theirs in its place.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path, keeper: Keeper, users: frozenset[int] = frozenset()) -> None:
        self.keeper = keeper
        self.users = users
        self._path = path
        self._made = False
        self._strangers = StrangerLog()
        self._guests = Counter[int]()
        self._turn = threading.Lock()
        _refuse_open_place(path)
        _clear(path)
        before = os.umask(0o177)  # mode 0600 from its first moment
        try:
            super().__init__(str(path), _Conversation)
        except OSError as error:
            raise SettingsInvalid(f"no socket at {path.name}: {type(error).__name__}") from None
        finally:
            os.umask(before)
        self._made = True
        if users:
            path.chmod(0o666)  # who is at the other end is asked of the kernel, not of the mode

    def server_close(self) -> None:
        """Close the socket and take it away."""
        super().server_close()
        if self._made:  # also called where the socket could not be made: what is there stays
            self._path.unlink(missing_ok=True)

    def turned_away(self, user: int) -> None:
        """Say that *user* may not ask, however often it does, in few lines."""
        self._strangers.note(user)

    @contextmanager
    def conversation(self, user: int) -> Iterator[bool]:
        """Count one conversation of *user*; False where it has too many already."""
        with self._turn:
            self._guests[user] += 1
            taken = self._guests[user] <= _CONVERSATIONS
        try:
            yield taken
        finally:
            with self._turn:
                self._guests[user] -= 1

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """Say that a conversation broke; its text might hold what was asked."""
        log.error("keys.conversation_failed")


class _Conversation(socketserver.BaseRequestHandler):
    server: KeyService
    request: socket.socket

    def handle(self) -> None:
        _, user, _ = peer_of(self.request)
        own = user == os.geteuid()
        if not own and user not in self.server.users:
            self.server.turned_away(user)
            return
        allowed = frozenset(Operation) if own else _USES
        with suppress(FrameInvalid, OSError), self.server.conversation(user) as taken:
            while taken:
                code, fields = read_frame(self.request)
                outcome, said = answer(self.server.keeper, code, fields, allowed)
                write_frame(self.request, outcome, said)


def answer(
    keeper: Keeper, code: int, fields: list[bytes], allowed: frozenset[Operation]
) -> _Answer:
    """Return what the service answers to one request."""
    if code not in allowed:
        return Outcome.REFUSED, ()
    try:
        return Outcome.DONE, _DO[Operation(code)](keeper, *fields)
    except KeyError:
        return Outcome.NO_KEY, ()
    except SealBroken:
        return Outcome.BROKEN, ()
    except (TypeError, ValueError):  # another number of fields, an id that is no text
        return Outcome.REFUSED, ()
    except (OSError, SettingsInvalid) as fault:  # a file that is open to others, a full disk
        log.error("keys.failed", code=type(fault).__name__)  # noqa: TRY400
        return Outcome.FAILED, ()


def _holds(keeper: Keeper, key_id: bytes) -> tuple[bytes, ...]:
    return (bytes([keeper.holds(key_id.decode())]),)


def _sign(keeper: Keeper, key_id: bytes, message: bytes) -> tuple[bytes, ...]:
    return (keeper.sign(key_id.decode(), message),)


def _unwrap(keeper: Keeper, key_id: bytes, wrapped: bytes, info: bytes) -> tuple[bytes, ...]:
    return (keeper.unwrap(key_id.decode(), wrapped, info),)


def _generate(keeper: Keeper, algorithm: bytes, owner: bytes) -> tuple[bytes, ...]:
    key_id, public = keeper.generate(Algorithm(algorithm.decode()), owner.decode())
    return key_id.encode(), public


def _destroy(keeper: Keeper, key_id: bytes) -> tuple[bytes, ...]:
    keeper.destroy(key_id.decode())
    return ()


_DO: Mapping[Operation, Callable[..., tuple[bytes, ...]]] = {
    Operation.HOLDS: _holds,
    Operation.SIGN: _sign,
    Operation.UNWRAP: _unwrap,
    Operation.GENERATE: _generate,
    Operation.DESTROY: _destroy,
}


def serve_keys(path: Path, folder: Path, users: frozenset[int]) -> None:
    """Serve the keys in *folder* at *path* until SIGTERM or SIGINT.

    Raises:
        SettingsInvalid: The folder is open to others, or there can be no socket.
    """
    refuse_inspection()
    with KeyService(path, FileKeeper(folder), users) as service:
        for number in (signal.SIGTERM, signal.SIGINT):
            # Not from the handler itself: `shutdown` waits for the loop that it interrupts.
            signal.signal(number, lambda *_: threading.Thread(target=service.shutdown).start())
        log.info("keys.served", count=len(users))
        service.serve_forever(poll_interval=0.2)


def refuse_inspection() -> None:
    """Leave no core file, and let no other process of the same user read this one's memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _refuse_open_place(path: Path) -> None:
    try:
        is_open = others_may_replace(path, os.geteuid())
    except OSError as error:
        raise SettingsInvalid(f"no socket at {path.name}: {type(error).__name__}") from None
    if is_open:
        raise SettingsInvalid(
            f"{path.name}: others may write to its folder, or to one above it, and could put "
            "a socket of theirs in its place: give it a folder of mode 0755 that is its own"
        )


def _clear(path: Path) -> None:
    """Take away a socket that a killed service left; never one that is in use, or a file."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise SettingsInvalid(f"{path.name}: a key service runs there already")
