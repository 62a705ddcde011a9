"""What this host holds and lvsdr manages: observed as objects, changed by changes."""
