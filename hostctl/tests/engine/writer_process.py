"""A writer to be killed: saves through the store in batches and prints the name of each message once committed.

Arguments: the database and the number of the round. Not a test; `test_faults.py` starts and kills it.
"""

import itertools
import sys
import time
from pathlib import Path

from parch_hostctl.store import Store


def main(database: str, round_: str) -> None:
    with Store.open(Path(database)) as store:
        for batch in itertools.count():
            with store.transaction():
                for n in range(8):
                    name = f"{round_}-{batch}-{n}"
                    store.save_message("C", 1, "A", name, '{"x":"%s"}' % ("y" * 300), time.time())
            for n in range(8):
                print(f"{round_}-{batch}-{n}", flush=n == 7)


if __name__ == "__main__":
    main(*sys.argv[1:])
