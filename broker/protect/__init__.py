"""Keys, signatures and seals: what keeps words an originator's own, and content unread.

Primitives come from `cryptography`; nothing here invents one. What is signed, sealed and
wrapped, under which key and bound to what, is in docs/security.md.
"""
