"""Whether a bundle may be proposed, approved and put in force: what its own checks say."""

from broker.errors import BundleInvalid
from broker.policy.bundle import Bundle
from broker.policy.cases import try_cases
from broker.policy.decide import Decider
from broker.policy.lint import lint


def require_fit(bundle: Bundle) -> None:
    """Refuse a bundle that `lali policy check` or `lali policy test` would not pass.

    Raises:
        BundleInvalid: With every error, and every case that fails.
    """
    tried = try_cases(Decider(bundle))
    findings = [each for each in lint(bundle, tried) if each.severity == "error"]
    texts = [f"{each.where}: {each.text}" for each in findings]
    if not tried:
        texts.append("cases: there are none")
    if texts:
        raise BundleInvalid(texts)
