"""The JSON files of a key folder; the first byte says which.

What is not signed by two officers is refused whatever it says, so changes are checked with
the officers of the file itself too.
"""

import base64
import hashlib
import json
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from fuzz.harness import MARK, Target, scratch
from fuzz.keys import REGISTER

from broker.errors import Rejected, SettingsInvalid
from broker.protect.ceremony import ChangeRecord
from broker.protect.change import Approval, Approved, Change, ChangeKind, Officer, check_approved
from broker.protect.keeper import public_bytes
from broker.protect.key_folder import ApprovedRegister, _Officers, check_register
from broker.protect.model_files import read_model
from broker.protect.signature import SIGN, is_valid
from broker.testing import NOON

MODELS = (ApprovedRegister, _Officers, Approved, ChangeRecord)


def _officer(name):
    secret = hashlib.sha256(f"fuzz officer {name}".encode()).digest()
    private = ec.derive_private_key(int.from_bytes(secret, "big") >> 1, ec.SECP256R1())
    public = base64.b64encode(public_bytes(private)).decode()
    return private, Officer(id=name, name=MARK, public=public)


PRIVATE, OFFICER = _officer("first")
OTHER_PRIVATE, OTHER = _officer("second")
OFFICERS = {"first": OFFICER, "second": OTHER}


def read(data):
    model = MODELS[data[0] % len(MODELS) if data else 0]
    file = scratch("key-file.json")
    file.write_bytes(data[1:])
    found = read_model(file, model)
    if isinstance(found, ApprovedRegister):
        check_register(OFFICERS, found.approved, found.register_.digest().hex())
        for key in found.register_.keys:
            key.fault(NOON)
            is_valid(key.public_bytes, b"", b"")
    elif isinstance(found, _Officers):
        officers = {officer.id: officer for officer in found.officers}
        check_approved(officers, approved(), ChangeKind.KEYS, approved().change.digest)
    elif isinstance(found, Approved):
        check_approved(OFFICERS, found, found.change.kind, found.change.digest)
    else:
        assert found.state in ("proposed", "approved", "applied")


def _signed(model, private, **fields):
    bare = model(**fields)
    signature = base64.b64encode(private.sign(bare.signed(), SIGN)).decode()
    return model.model_validate(bare.model_dump() | {"signature": signature})


def approved():
    digest = REGISTER.digest().hex()
    change = _signed(
        Change,
        PRIVATE,
        id=UUID(int=1),
        kind=ChangeKind.KEYS,
        digest=digest,
        proposer="first",
        proposed_at=NOON,
    )
    approval = _signed(
        Approval,
        OTHER_PRIVATE,
        change=change.own_digest(),
        digest=digest,
        approver="second",
        approved_at=NOON,
    )
    return Approved(change=change, approval=approval)


def seeds():
    agreed = approved()
    models = (
        ApprovedRegister(register_=REGISTER, approved=agreed),
        _Officers(officers=(OFFICER, OTHER)),
        agreed,
        ChangeRecord(change=agreed.change, register_=REGISTER, approval=agreed.approval),
    )
    return {
        type(model).__name__.strip("_").lower(): bytes([number])
        + json.dumps(model.model_dump(mode="json")).encode()
        for number, model in enumerate(models)
    }


TARGET = Target(read, seeds, refusals=(Rejected, SettingsInvalid), most_bytes=2048)
