"""The throw-away cluster: a kernel of its own, with hosts and cables as network namespaces."""
