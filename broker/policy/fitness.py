"""Whether a bundle may be proposed, approved and put in force: what its own checks say."""

from broker.errors import BundleInvalid
from broker.policy.bundle import Bundle
from broker.policy.cases import try_cases
from broker.policy.decide import Decider
from broker.policy.lint import lint_as_written, lint_by_cases


def require_fit(bundle: Bundle) -> None:
    """Refuse a bundle that `lali policy check` or `lali policy test` would not pass.

    Raises:
        BundleInvalid: With every error as it is written; where there is none, with every case
            that fails.
    """
    findings = [each for each in lint_as_written(bundle) if each.severity == "error"]
    tried = [] if findings else try_cases(Decider(bundle))
    if not findings:
        findings = lint_by_cases(bundle, tried)
    texts = [f"{each.where}: {each.text}" for each in findings]
    if not findings and not tried:
        texts.append("cases: there are none")
    if texts:
        raise BundleInvalid(texts)
