"""Every target, with its share of executions in one run of the tests."""

#: The same for the strict decoder and for every reader of outside bytes; `make fuzz` runs more.
SHARES = {
    "strict_alert": 200_000,
    "strict_release": 200_000,
    "strict_compartment": 200_000,
    "cut_parts": 200_000,
    "unseal": 200_000,
    "unseal_signed": 200_000,
    "verified_release": 200_000,
    "accepted": 200_000,
    "lali_json": 200_000,
    "json_lines": 200_000,
    "htcds_csv": 200_000,
    "htcds_xlsx": 200_000,
    "label_file": 200_000,
    "community": 200_000,
    "key_files": 200_000,
    "connector_file": 200_000,
    "settings_file": 200_000,
    "credential": 200_000,
}
