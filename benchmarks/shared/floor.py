"""The floor: a process that blocks in a read, counts the bytes of a packet and writes STP. No loop, rule or record.

`python -m benchmarks.shared.floor OXIMETER PUMP STP_HEX`
"""

import gc
import os
import sys
import tty

from benchmarks.shared.oximeter import UNSAFE


def main(oximeter: str, pump: str, stop_packet: bytes) -> None:
    """Answer every packet with a stop until the oximeter hangs up."""
    source = os.open(oximeter, os.O_RDWR | os.O_NOCTTY)
    sink = os.open(pump, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(source)
    tty.setraw(sink)
    gc.freeze()
    gc.disable()
    print("running", flush=True)
    received = 0
    while True:
        try:
            received += len(os.read(source, 4096))
        except OSError:  # the oximeter hung up: the benchmark is over
            return
        if received >= len(UNSAFE):
            os.write(sink, stop_packet)
            received = 0


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))
