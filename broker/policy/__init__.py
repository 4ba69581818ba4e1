"""What decides: bundles, rules, decisions and plans. Pure: no clock, no input or output."""
