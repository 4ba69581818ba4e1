"""Civil society's plain form: report a suspicion, and see what became of it."""
