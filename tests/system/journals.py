# journals.py - a dump's journal as bytes, read and changed: three slots of equal size, each a record of tagged
# fields with a checksum. The layout stands here once more, on purpose: it must not change.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import struct

SLOT = 8192  # bytes at first
MARK = b"NDTAGGED"
HEADER = 16
TAG_SEQUENCE, TAG_BOOT_ID, TAG_SYNCED, TAG_PAGE_SIZE = 1, 2, 8, 111


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


class Slot:
    """One of them; sequence 0: never written, or torn. fields: tag -> value as bytes."""

    def __init__(self, data):
        self.raw = data
        self.sequence = 0
        self.fields = {}
        if len(data) < HEADER or data[:8] != MARK:
            return
        length, checksum = struct.unpack_from("<II", data, 8)
        body = data[HEADER:HEADER + length]
        if len(body) != length or crc32c(body) != checksum:
            return
        at = 0
        while at < length:
            tag, _, size = struct.unpack_from("<HHI", body, at)
            self.fields[tag] = body[at + 8:at + 8 + size]
            at += 8 + size
        self.sequence = int.from_bytes(self.fields[TAG_SEQUENCE], "little")
        self.boot_id = self.fields[TAG_BOOT_ID]
        self.synced = TAG_SYNCED in self.fields
        self.page_size = int.from_bytes(self.fields.get(TAG_PAGE_SIZE, b""), "little")


def read_slots(directory):
    with open(os.path.join(directory, "journal"), "rb") as f:
        data = f.read()
    size = len(data) // 3
    return [Slot(data[i * size:(i + 1) * size]) for i in range(3)]


def newest(directory):
    return max(read_slots(directory), key=lambda s: s.sequence)


def write_slots(directory, slots):
    with open(os.path.join(directory, "journal"), "wb") as f:
        for slot in slots:
            f.write(slot.raw if isinstance(slot, Slot) else slot)


def change(slot, boot_id):
    """A slot with another boot id, sealed again; one that was never written stays as it is."""
    if not slot.sequence:
        return slot
    fields = {**slot.fields, TAG_BOOT_ID: boot_id}
    body = b"".join(struct.pack("<HHI", tag, 0, len(value)) + value for tag, value in fields.items())
    data = MARK + struct.pack("<II", len(body), crc32c(body)) + body
    return Slot(data + bytes(len(slot.raw) - len(data)))
