# journals.py - a dump's journal as bytes, read and changed: three slots, each a record with a checksum. The
# layout stands here once more, on purpose: it must not change without a new version.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import struct

SLOT = 4096
MARK = b"NDUMPJNL"
ADDRESS = (("family", "B"), ("port", "H"), ("scope", "I"), ("bytes", "16s"))
FIELDS = (*((f"client_{n}", f) for n, f in ADDRESS), *((f"local_{n}", f) for n, f in ADDRESS),
          ("started", "q"), ("state", "I"), ("machine", "I"), ("oldest", "I"), ("task", "Q"), ("page_offset", "Q"),
          ("magic", "Q"), ("version", "B"), ("page_size", "I"), ("nr_pages", "I"), ("ram_pages", "I"),
          ("regs_len", "H"), ("next_nr", "I"), ("floor_written", "I"), ("floor_synced", "I"), ("pages_stored", "Q"),
          ("pages_zero", "Q"), ("pages_reserved", "Q"), ("pages_retransmitted", "Q"), ("duplicates", "Q"),
          ("bytes", "Q"), ("boot_id", "16s"), ("regs", "1024s"))
LAYOUT = "<" + "".join(f for _, f in FIELDS)
HEAD = "<8sIIQ"


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


class Slot:
    """One of them; sequence 0: never written, or torn."""

    def __init__(self, data):
        self.raw = data
        self.sequence = 0
        if len(data) == SLOT and data[:8] == MARK and crc32c(data[:-4]) == struct.unpack("<I", data[-4:])[0]:
            _, self.layout_version, self.size, self.sequence = struct.unpack_from(HEAD, data)
            values = struct.unpack_from(LAYOUT, data, struct.calcsize(HEAD))
            for (name, _), value in zip(FIELDS, values):
                setattr(self, name, value)


def read_slots(directory):
    with open(os.path.join(directory, "journal"), "rb") as f:
        return [Slot(f.read(SLOT)) for _ in range(3)]


def newest(directory):
    return max(read_slots(directory), key=lambda s: s.sequence)


def write_slots(directory, slots):
    with open(os.path.join(directory, "journal"), "wb") as f:
        for slot in slots:
            f.write(slot.raw if isinstance(slot, Slot) else slot)


def change(slot, **fields):
    """A slot with other values in it, sealed again; one that was never written stays as it is."""
    if not slot.sequence:
        return slot
    for name, value in fields.items():
        setattr(slot, name, value)
    body = struct.pack(HEAD, MARK, slot.layout_version, slot.size, slot.sequence)
    body += struct.pack(LAYOUT, *(getattr(slot, name) for name, _ in FIELDS))
    body += bytes(SLOT - 4 - len(body))
    return Slot(body + struct.pack("<I", crc32c(body)))
