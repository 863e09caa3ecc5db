"""A simulated NE-1000 driven by hand: time is whatever the test says. The CRC is the bench's own."""

from simulators.devices.ne1000 import Alarm, Behaviour, Ne1000, Settings

SECOND_NS = 1_000_000_000
MS_NS = 1_000_000
HOUR_NS = 3600 * SECOND_NS


def crc_bitwise(data: bytes) -> int:
    """CRC-16/XMODEM one bit at a time, as the definition reads."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def safe(data: str) -> bytes:
    """Frame a command for Safe mode."""
    text = data.encode()
    return bytes([2, len(text) + 4]) + text + crc_bitwise(text).to_bytes(2, "big") + b"\x03"


def split_safe(stream: bytes) -> list[str]:
    """Return the data of the Safe packets in a stream; every byte must belong to a sound packet."""
    found = []
    while stream:
        assert stream[0] == 2, stream.hex(" ")
        packet, stream = stream[: stream[1] + 1], stream[stream[1] + 1 :]
        data = packet[2:-3]
        assert packet == safe(data.decode()), packet.hex(" ")
        found.append(data.decode())
    return found


class Bench:
    """A pump and a clock that moves only when told to."""

    def __init__(
        self,
        *,
        alarm: Alarm | None = None,
        safe_s: int = 255,
        behaviour: Behaviour | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.now_ns = 0
        chosen = settings or Settings(safe_s=safe_s, diameter_um=26_590)
        self.pump = Ne1000(settings=chosen, behaviour=behaviour, pending_alarm=alarm)

    def run_for(self, duration_ns: int) -> bytes:
        """Let time pass deadline by deadline, as a host does; return what the pump sent."""
        end_ns = self.now_ns + duration_ns
        sent = b""
        while (due_ns := self.pump.next_deadline_ns()) is not None and due_ns <= end_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self.pump.advance(self.now_ns)
            sent += self.pump.transmit(self.now_ns)
        self.now_ns = end_ns
        self.pump.advance(end_ns)
        return sent + self.pump.transmit(end_ns)

    def raw(self, data: bytes, wait_ns: int = 50 * MS_NS) -> bytes:
        """Send bytes at once and return everything that comes back within `wait_ns`."""
        self.pump.receive(data, self.now_ns)
        return self.run_for(wait_ns)

    def ask(self, data: str) -> str:
        """Send a Safe packet and return the data of the one reply."""
        (reply,) = split_safe(self.raw(safe(data)))
        return reply

    def tell(self, *commands: str) -> None:
        """Send commands that must be taken."""
        for command in commands:
            reply = self.ask(command)
            assert "?" not in reply, (command, reply)

    def load(self, *, rate: str = "36.00MH", volume: str = "10.00") -> None:
        """Set everything a careful driver sets, for a 60 mL syringe: phase 1 infuses a volume, phase 2 stops."""
        self.tell("DIA26.59", "PHN2", "FUNSTP", "PHN1", "FUNRAT", f"RAT{rate}", "VOLML", f"VOL{volume}", "DIRINF")
        self.tell("CLDINF", "CLDWDR")

    def delivered_nl(self) -> int:
        """Return the true volume now."""
        return self.pump.plunger.delivered_nl(self.now_ns)
