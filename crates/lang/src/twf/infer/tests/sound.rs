//! Programs made by chance, in worlds made by chance: whatever a variable holds, its type allows.
