"""The throw-away cluster: hosts as network namespaces, joined by cables, on a kernel of its own."""
