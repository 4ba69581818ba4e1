"""A bundle read for people: conditions in words, who sees what, pictures of it."""
