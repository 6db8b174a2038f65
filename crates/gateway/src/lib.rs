//! Channels and the pipeline: REST and MCP rendered from the catalogue.
