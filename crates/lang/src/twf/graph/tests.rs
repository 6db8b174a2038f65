//! What graphs say about designs.
