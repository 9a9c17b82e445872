"""Writes orders as people export them: messy.py FILE MEGABYTES [SHARE]. The same bytes every time; FILE.json tells what is in it.

One record in a hundred, or another SHARE of them, is bad, in one of five ways: a quantity that is no int32, a day that does not exist, no order id, too few fields, too many."""

import datetime
import json
import random
import sys

FIRST = "Zoë Ana José Łukasz Мария 小林 Fatima O'Neil Björn Raj Søren Inês Ömer Kofi".split()
LAST = ["Müller", "Smith", "García", "Kowalski", "Иванова", "太郎", "Smith, Jr.", "Ångström", "Dupont", "Patel", "Jensen", "Yılmaz"]
WORDS = "please deliver to the back door customer asked for gift wrap fragile naïve façade crème 漢字 ставка €50 left voicemail refund".split()
COUNTRIES = "US DE FR GB JP CN IN BR MX PL RU TR VN ES PT IT NL SE NO DK GH ZA AU CA KR".split()
START = datetime.date(2019, 1, 1)
DAYS = [(START + datetime.timedelta(day)).isoformat() for day in range(2200)]
HEADER = "order_id,customer,email,order_date,qty,unit_price,discount,note,country,paid,updated_at\n"


def note(chance):
    words = []
    for _ in range(3 + int(chance() * 14)):
        word, kind = WORDS[int(chance() * len(WORDS))], chance()
        words.append(word + "," if kind < 0.06 else '""' + word + '""' if kind < 0.09 else word + "\n" if kind < 0.11 else word)
    return '"' + " ".join(words) + '"'


def spoil(fields, chance):
    kind = int(chance() * 5)
    if kind == 0:
        fields[4] = ["12a", "--3", "1.5e", "ten", "99999999999"][int(chance() * 5)]
    elif kind == 1:
        fields[3] = ["2021-13-01", "2021-02-30", "31/12/2020", "yesterday"][int(chance() * 4)]
    elif kind == 2:
        fields[0] = ""
    elif kind == 3:
        del fields[6 + int(chance() * 4):]
    else:
        fields.append("extra")


def main(path, megabytes, share):
    chance = random.Random(42).random
    written, rows, bad, quantity, cents = len(HEADER), 0, 0, 0, 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(HEADER)
        while written < megabytes * 1_000_000:
            rows += 1
            customer = FIRST[int(chance() * len(FIRST))] + " " + LAST[int(chance() * len(LAST))]
            pieces, price = 1 + int(chance() * 50), 100 + int(chance() * 5_000_000)
            fields = [
                str(rows),
                f'"{customer}"' if "," in customer or chance() < 0.3 else customer,
                "" if chance() < 0.15 else f"user{int(chance() * 1e6)}@example{int(chance() * 50)}.com",
                DAYS[int(chance() * len(DAYS))],
                str(pieces),
                f"{price // 100}.{price % 100:02}",
                "" if chance() < 0.5 else repr(round(chance() * 0.3, 4)),
                "" if chance() < 0.2 else note(chance),
                COUNTRIES[int(chance() * len(COUNTRIES))],
                ("true", "false", "")[int(chance() * 3)],
                "" if chance() < 0.1 else f"{DAYS[int(chance() * len(DAYS))]} {int(chance() * 24):02}:{int(chance() * 60):02}:{int(chance() * 60):02}",
            ]
            if chance() < share:
                spoil(fields, chance)
                bad += 1
            else:
                quantity, cents = quantity + pieces, cents + price
            line = ",".join(fields) + "\n"
            written += len(line.encode())
            file.write(line)
    with open(path + ".json", "w") as file:
        json.dump({"rows": rows - bad, "bad": bad, "sums": {"qty": quantity, "unit_price": f"{cents // 100}.{cents % 100:02}"}}, file)


main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.01)
