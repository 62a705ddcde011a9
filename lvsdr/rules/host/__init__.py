"""What one host is like: its settings, addresses, links, table and other programs.

The table of the rules is `host_rules`; `container_host_rules` has those for a container's host.
"""
