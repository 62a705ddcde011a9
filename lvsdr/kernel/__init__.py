"""The kernel of this host, over netlink and /proc/sys: observe objects, execute changes."""
