//! Stores behind the kernel's ports: memory and SQLite.
