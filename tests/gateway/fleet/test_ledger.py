"""Each published frame ends exactly once, and a token is offered again exactly when a newer frame waits."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.fleet.ledger import ACKNOWLEDGED_WITHIN_S, Ledger, Settled
from vedette.streams import LIVE_FRAME_MAX_AGE_S

EPOCH = 7


def stored(*seqs: int, now_s: float = 0.0) -> Ledger:
    """A ledger whose frames up to the last were published, and of which these are stored."""
    ledger = Ledger(EPOCH)
    for _ in range(seqs[-1] + 1):
        ledger.publish(now_s)
    for seq in seqs:
        assert ledger.stored(seq, now_s) is not None
    return ledger


class AnyHistory(RuleBasedStateMachine):
    """Whatever happens in whatever order, the ends of frames add up."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(EPOCH)
        self.now_s = 0.0
        self.published = 0
        self.ended = 0

    @rule()
    def publish(self) -> None:
        assert self.ledger.publish(self.now_s) == self.published
        self.published += 1

    @rule(seq=st.integers(-1, 40))
    def stored(self, seq: int) -> None:
        self.ledger.stored(seq, self.now_s)

    @rule(seq=st.integers(-1, 40))
    def lost(self, seq: int) -> None:
        self.ended += self.ledger.lost(seq)

    @rule(seq=st.integers(-5, 60), epoch=st.sampled_from([0, EPOCH - 1, EPOCH, EPOCH, EPOCH, EPOCH + 1]))
    def served(self, seq: int, epoch: int) -> None:
        was_waiting = seq in self.ledger._waiting and epoch == EPOCH
        self.ended += self.ledger.served(epoch, seq, self.now_s).superseded + was_waiting

    @rule(passed_s=st.floats(0, 4))
    def wait(self, passed_s: float) -> None:
        self.now_s += passed_s

    @rule()
    def settle(self) -> None:
        self.ended += self.ledger.give_up(self.now_s) + self.ledger.expire(self.now_s)

    @invariant()
    def none_ends_twice(self) -> None:
        assert self.ended + len(self.ledger._waiting) == self.published

    def teardown(self) -> None:
        assert self.ended + self.ledger.end() == self.published
        assert self.ledger.end() == 0


TestAnyHistory = AnyHistory.TestCase


@given(st.integers(0, 20), st.integers(-1, 20), st.floats(0, 2 * LIVE_FRAME_MAX_AGE_S))
def test_a_token_is_offered_again_exactly_when_a_newer_one_is_fresh(newest: int, seq: int, age_s: float) -> None:
    settled = stored(newest).served(EPOCH, seq, age_s)
    assert settled.offer_again == (seq < newest and age_s < LIVE_FRAME_MAX_AGE_S)


def test_frames_before_the_served_one_were_superseded() -> None:
    assert stored(0, 1, 2, 3).served(EPOCH, 2, 0.1) == Settled(superseded=2, offer_again=True, answered=True)
    assert stored(0, 1, 2, 3).served(EPOCH, 3, 0.1) == Settled(superseded=3, offer_again=False, answered=True)


def test_a_frame_under_way_is_not_offered_before_it_is_stored() -> None:
    ledger = stored(0)
    ledger.publish(0.1)
    assert not ledger.served(EPOCH, 0, 0.2).offer_again
    assert ledger.stored(1, 0.3)


def test_a_note_about_an_earlier_epoch_offers_what_came_since_and_settles_nothing() -> None:
    ledger = stored(0)
    assert ledger.served(EPOCH - 1, 1844, 0.1) == Settled(superseded=0, offer_again=True)
    assert ledger.served(EPOCH, 0, 0.1) == Settled(superseded=0, offer_again=False, answered=True)
    assert not ledger.served(EPOCH, 0, 0.2).answered, "a second note of it"


def test_notes_about_frames_of_others_mean_nothing() -> None:
    ledger = stored(0, 1)
    assert ledger.served(EPOCH + 1, 0, 0.1) == Settled(superseded=0, offer_again=False)
    assert ledger.served(EPOCH, 2, 0.1) == Settled(superseded=0, offer_again=False)
    assert ledger.end() == 2


def test_a_frame_that_cannot_be_found_is_not_offered_for_ever() -> None:
    ledger = stored(0)
    offers = [ledger.served(0, -1, 0.1).offer_again for _ in range(10)]
    assert offers == [True] * 3 + [False] * 7
    ledger.publish(0.2)
    ledger.stored(1, 0.2)
    assert ledger.served(0, -1, 0.3).offer_again


def test_what_is_not_acknowledged_in_time_is_lost_and_makes_room() -> None:
    ledger = Ledger(EPOCH)
    for _ in range(3):
        ledger.publish(0.0)
    ledger.stored(1, 0.1)
    assert ledger.unacknowledged == 2
    assert ledger.give_up(ACKNOWLEDGED_WITHIN_S) == 0
    assert ledger.give_up(ACKNOWLEDGED_WITHIN_S + 0.1) == 2
    assert ledger.unacknowledged == 0
    assert ledger.stored(2, 9.0) is None


def test_what_the_stream_keeps_no_longer_has_expired() -> None:
    ledger = stored(0, 1)
    ledger.publish(3.0)
    assert ledger.expire(LIVE_FRAME_MAX_AGE_S) == 0
    assert ledger.expire(LIVE_FRAME_MAX_AGE_S + 0.1) == 2
    assert ledger.served(EPOCH, 1, 5.2) == Settled(superseded=0, offer_again=False)


def test_a_frame_replaced_while_its_token_waited_was_in_vain() -> None:
    ledger = Ledger(EPOCH)
    for seq, sent_s in enumerate((0.0, 0.5)):
        ledger.publish(sent_s)
        ledger.stored(seq, sent_s)
        ledger.offered(sent_s)
    assert ledger.served(EPOCH, 1, 0.9) == Settled(superseded=1, offer_again=False, answered=True, in_vain=True)


def test_a_frame_replaced_while_the_one_before_was_served_is_no_sign_of_overload() -> None:
    ledger = Ledger(EPOCH)
    for seq, sent_s in enumerate((0.0, 0.1, 0.2)):
        ledger.publish(sent_s)
        ledger.stored(seq, sent_s)
        ledger.offered(sent_s)
    assert ledger.served(EPOCH, 0, 0.25) == Settled(superseded=0, offer_again=True, answered=True)
    ledger.offered(0.25)
    settled = ledger.served(EPOCH, 2, 0.45)
    assert (settled.superseded, settled.in_vain) == (1, False)
