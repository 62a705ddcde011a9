"""The only room that speaks netlink and /proc/sys: it observes objects and executes changes."""
