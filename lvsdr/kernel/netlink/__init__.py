"""The bytes that are exchanged with the kernel over netlink."""
