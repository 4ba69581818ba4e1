"""Looks at a site and says what is wrong with it, what soon will be, and what to do."""
