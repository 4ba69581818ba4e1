"""Every target, with its share of executions in one run of the tests."""

#: At least 200,000 for the strict decoder and each reader of text. Fewer for unpacking
#: spreadsheets, which is slow, and where two targets run the same code. All together are
#: meant for four minutes on two cores that do nothing else.
SHARES = {
    "strict_alert": 200_000,
    "strict_release": 200_000,
    "strict_compartment": 200_000,
    "cut_parts": 100_000,
    "unseal": 100_000,
    "unseal_signed": 200_000,
    "verified_release": 100_000,
    "accepted": 200_000,
    "lali_json": 200_000,
    "json_lines": 200_000,
    "htcds_csv": 200_000,
    "htcds_xlsx": 50_000,
    "label_file": 200_000,
    "community": 200_000,
    "key_files": 200_000,
    "connector_file": 200_000,
    "settings_file": 200_000,
}
