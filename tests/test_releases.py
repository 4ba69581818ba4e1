"""Roles that disagree on protection release nothing."""

import pytest

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.pipeline.accepted import Accepted
from broker.pipeline.releases import releases_of


def test_a_sealed_alert_is_not_released_by_a_router_without_keys():
    sealed = Accepted(b"", b"", bytes(16), 1, bytes(32), 0, 0, 0, 0, bytes(32))

    with pytest.raises(Rejected) as refused:
        releases_of(sealed, None, None, None, None)

    assert refused.value.reason is Reason.SEAL_BROKEN
