"""Every target, with its share of executions in one run of the tests."""

import os

#: The same for the strict decoder and for every reader of outside bytes. The tests take a tenth;
#: `make fuzz` sets LALI_FUZZ_EXECUTIONS and runs 25 times as many.
EXECUTIONS = int(os.environ.get("LALI_FUZZ_EXECUTIONS", "8000"))

TARGETS = (
    "strict_alert",
    "strict_release",
    "strict_compartment",
    "cut_parts",
    "unseal",
    "unseal_signed",
    "verified_release",
    "accepted",
    "lali_json",
    "json_lines",
    "htcds_csv",
    "htcds_xlsx",
    "label_file",
    "community",
    "key_files",
    "connector_file",
    "settings_file",
    "credential",
)
SHARES = dict.fromkeys(TARGETS, EXECUTIONS)
