"""A card vendor by another hand: writes a file of keys, and packets of the cards that hold them.

    vendor_keys.py make FOLDER gcm|kwp CARDS     vendor.csv, transport and mac keys, subscribers.csv, keys.json
    vendor_keys.py orders FOLDER PORT            an SMSC: one order of each card, and its sealed answer opened

Everything is pyca/cryptography over OpenSSL; nothing here shares code with svgate. It is also the recipe
for a vendor: `sealed` and `write_file` are the whole of the file's form.
"""

import json
import os
import secrets
import socket
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

KEYS = ["mo_kic", "mo_kid", "mt_kic", "mt_kid"]
COLUMNS = ["iccid", "imsi", "key_version"] + [c for key in KEYS for c in (key, key + "_kcv")]


def cmac(key, octets):
    mac = CMAC(algorithms.AES(key))
    mac.update(octets)
    return mac.finalize()


def encipher(key, octets):
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return encryptor.update(octets) + encryptor.finalize()


def check_value(key):
    return encipher(key, bytes([1] * 16))[:3]


def sealed(transport, form, key, place):
    """One key: nonce, ciphertext and tag of AES-GCM with its place as data, or RFC 5649."""
    if form == "kwp":
        return aes_key_wrap_with_padding(transport, key)
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(transport).encrypt(nonce, key, place.encode())


def write_file(path, rows, mac_key):
    """CSV, then the AES-CMAC over every octet before its line."""
    body = "".join(",".join(row) + "\n" for row in [COLUMNS, *rows]).encode()
    path.write_bytes(body + b"#mac," + cmac(mac_key, body).hex().encode() + b"\n")


def iccid(number):
    """Nineteen digits, the last by Luhn."""
    body = f"894900100{number:09d}"
    digits = [int(digit) for digit in reversed(body)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[::2]]
    return body + str(-(sum(doubled) + sum(digits[1::2])) % 10)


def keep_secret(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def make(folder, form, count):
    transport, mac_key = secrets.token_bytes(32), secrets.token_bytes(32)
    keep_secret(folder / "transport.key", transport.hex() + "\n")
    keep_secret(folder / "mac.key", mac_key.hex() + "\n")
    rows, cards, lines = [], {}, []
    for number in range(1, count + 1):
        card, imsi, version = iccid(number), f"26201{number:010d}", str(number % 255 + 1)
        # AES-256 for every third card: the file takes all sizes.
        octets = 32 if number % 3 == 0 else 16
        keys = {name: secrets.token_bytes(octets) for name in KEYS}
        row = [card, imsi, version]
        for name in KEYS:
            value = sealed(transport, form, keys[name], f"{card},{name},{version}")
            row += [value.hex(), check_value(keys[name]).hex()]
        rows.append(row)
        cards[card] = {name: key.hex() for name, key in keys.items()}
        lines.append(
            f"A{number},+4915{number:09d},{card},{imsi},en,standard,EUR,100000,5000,{version}"
        )
    write_file(folder / "vendor.csv", rows, mac_key)
    header = (
        "subscriber,msisdn,iccid,imsi,language,class,currency,credit_limit_minor,"
        "cap_minor,key_version"
    )
    (folder / "subscribers.csv").write_text("\n".join([header, *lines]) + "\n")
    keep_secret(folder / "keys.json", json.dumps(cards))


def command_packet(kic, kid, counter, data):
    """ETSI TS 102 225 with SPI1 16: checksum of 8 octets, then ciphered from CNTR on."""
    padding = -(6 + 8 + len(data)) % 16
    padded = data + bytes(padding)
    header = (16 + 8 + len(padded) - 2).to_bytes(2, "big") + bytes([13 + 8, 0x16, 0, 0x12, 0x12])
    header += bytes.fromhex("b2f001")
    secret = counter.to_bytes(5, "big") + bytes([padding])
    checksum = cmac(kid, header + secret + padded)[:8]
    return header + encipher(kic, secret + checksum + padded)


def opened(kic, kid, packet):
    """The data of a packet to the card; fails when it is not under these keys."""
    decryptor = Cipher(algorithms.AES(kic), modes.CBC(bytes(16))).decryptor()
    secret = decryptor.update(packet[10:]) + decryptor.finalize()
    head, checksum, padded = secret[:6], secret[6:14], secret[14:]
    assert cmac(kid, packet[:10] + head + padded)[:8] == checksum, "not under the card's MT keys"
    return padded[: len(padded) - head[5]]


def read_pdu(connection):
    head = connection.recv(16, socket.MSG_WAITALL)
    length, command, status, sequence = struct.unpack(">IIII", head)
    body = connection.recv(length - 16, socket.MSG_WAITALL) if length > 16 else b""
    return command, status, sequence, body


def send_pdu(connection, command, sequence, body=b""):
    head = struct.pack(">IIII", 16 + len(body), command, 0, sequence)
    connection.sendall(head + body)


def deliver(connection, sequence, sender, packet):
    message = bytes.fromhex("027000") + packet
    body = b"\0\1\1" + sender.encode() + b"\0\0\1778\0" + bytes([0x40, 0x7F, 0])
    body += b"\0\0" + bytes([0, 0, 0xF6, 0, len(message)]) + message
    send_pdu(connection, 0x05, sequence, body)


def of_submit(body):
    """Destination and message of a submit_sm."""
    _, rest = body.split(b"\0", 1)
    _, rest = rest[2:].split(b"\0", 1)
    destination, rest = rest[2:].split(b"\0", 1)
    _, rest = rest[3:].split(b"\0", 1)
    _, rest = rest.split(b"\0", 1)
    return destination.decode(), rest[5 : 5 + rest[4]]


def orders(folder, port):
    cards = json.loads((folder / "keys.json").read_text())
    rows = [line.split(",") for line in (folder / "subscribers.csv").read_text().split()[1:]]
    holders = {row[1].lstrip("+"): cards[row[2]] for row in rows}
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(60)
    connection, _ = listener.accept()
    connection.settimeout(60)
    waiting, refused, answered = list(holders.items()), 0, 0
    while answered + refused < 2 * len(holders):
        command, status, sequence, body = read_pdu(connection)
        if command in (0x01, 0x02, 0x09):
            send_pdu(connection, command | 0x80000000, sequence, b"peer\0")
            for number, (sender, keys) in enumerate(waiting, 1):
                kic, kid = bytes.fromhex(keys["mo_kic"]), bytes.fromhex(keys["mo_kid"])
                packet = command_packet(kic, kid, 1, ORDER)
                forged = packet[:-1] + bytes([packet[-1] ^ 1])
                deliver(connection, 2 * number, sender, forged)
                deliver(connection, 2 * number + 1, sender, packet)
            waiting = []
        elif command == 0x80000005:
            assert status == 0, f"deliver_sm {sequence} was answered with {status:#x}"
            refused += sequence % 2 == 0
        elif command == 0x04:
            send_pdu(connection, 0x80000004, sequence, b"1\0")
            destination, message = of_submit(body)
            keys = holders[destination]
            kic, kid = bytes.fromhex(keys["mt_kic"]), bytes.fromhex(keys["mt_kid"])
            data = opened(kic, kid, message[3:])
            assert data[0] == 1 and bytes.fromhex("890400000007") in data, data.hex()
            answered += 1
        elif command == 0x15:
            send_pdu(connection, 0x80000015, sequence)
    assert answered == refused == len(holders), "a forged order was answered"
    print(f"{answered} orders answered under the cards' keys, {refused} forged ones not at all")


# An order of one piece of item 12 at 4711, up to 3.00 EUR, reference 7.
ORDER = bytes.fromhex("018101018203004711830231328401018502012c86020978870102890400000007")


def main():
    folder = Path(sys.argv[2])
    if sys.argv[1] == "make":
        make(folder, sys.argv[3], int(sys.argv[4]))
    else:
        orders(folder, int(sys.argv[3]))


if __name__ == "__main__":
    main()
