"""Which reaction on which message says what."""

from __future__ import annotations

from transports.base import Choice
from transports.matrix.offers import MOST, PREFIX, Offers, plain

CHOICES = (Choice("allow", "Allow once", "✔️"), Choice("deny", "Deny", "✖️"))


def kept_by(changes: dict[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in changes.items() if value is not None}


def test_an_offer_is_found_by_its_event_however_the_sign_is_sent() -> None:
    offers = Offers()
    offers.add("$1", "question 7", "matrix/!room", CHOICES, 1.0)
    offer = offers.of("$1")
    assert offer is not None
    assert (offer.key, offer.target) == ("question 7", "matrix/!room")
    assert offer.texts[plain("✔️")] == offer.texts[plain("✔")] == "allow"
    assert offers.of("$2") is None


def test_offers_outlive_a_restart() -> None:
    changes = Offers().add("$1", "k", "matrix/!room", CHOICES, 1.0)
    again = Offers()
    again.load(kept_by(changes))
    offer = again.of("$1")
    assert offer is not None
    assert offer.texts == {"✔": "allow", "✖": "deny"}


def test_an_offer_made_before_the_others_were_read_stays() -> None:
    changes = Offers().add("$1", "k", "matrix/!room", CHOICES, 1.0)
    offers = Offers()
    offers.add("$2", "k", "matrix/!room", CHOICES, 2.0)
    offers.load(kept_by(changes))
    assert offers.of("$1")
    assert offers.of("$2")


def test_the_oldest_are_forgotten_on_disk_as_well() -> None:
    offers = Offers()
    kept: dict[str, str] = {}
    for number in range(MOST + 3):
        changes = offers.add(f"${number}", "k", "t", CHOICES, float(number))
        kept = {key: value for key, value in kept.items() if key not in changes} | kept_by(changes)
    assert len(kept) == MOST
    assert PREFIX + "$2" not in kept
    assert offers.of("$2") is None
    again = Offers()
    again.load(dict(reversed(kept.items())))  # a store gives them in any order
    assert again.add("$new", "k", "t", CHOICES, 9e9)[PREFIX + "$3"] is None


def test_an_offer_made_again_is_one() -> None:
    offers = Offers()
    offers.add("$1", "k", "t", CHOICES, 1.0)
    assert list(offers.add("$1", "k", "t", CHOICES, 2.0)) == [PREFIX + "$1"]
