"""What one host is like: its settings, addresses, links, table and other programs."""
