//! The nexus binary: configuration, wiring, command line.
