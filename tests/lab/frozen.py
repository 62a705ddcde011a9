"""The last import of the process that `program` forks: what it has then, no collector looks at.

Each object that a child's collector marks is a page to be copied, and a page costs some 30 us here.
"""

import gc

gc.collect()
gc.freeze()
