"""Pages and an HTTP API for reviewers."""
