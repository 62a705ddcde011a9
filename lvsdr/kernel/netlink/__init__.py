"""Netlink: sockets, and the messages that are exchanged with the kernel."""
