"""The tables that lvsdr manages: each observes its objects and executes changes to them."""
