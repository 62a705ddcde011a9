"""Views: what lvsdr reads of this host, and never changes."""
