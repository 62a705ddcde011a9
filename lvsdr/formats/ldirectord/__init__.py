"""ldirectord.cf: the table that ldirectord makes of it, and which services it checks."""
