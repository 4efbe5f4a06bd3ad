//! How fast an SMSC lets us send: additive increase, multiplicative decrease.
//!
//! ```text
//! 0x58 ESME_RTHROTTLED  too many per second   rate ÷ 2    ┐ at once, then a pause;
//! 0x14 ESME_RMSGQFUL    too many underway     window ÷ 2  ┘ never below 1
//! a quiet second                              rate and window + a twentieth of what was too much
//! one 0x58 among 50, and not again            nothing: the message is sent again at once
//! ```
//! Half of a window may be refused before the first refusal is read. Those refusals tell one thing
//! once, so a request that was sent before the last cut never makes another. An SMSC that throttles
//! now and then whatever the rate, as some do behind a balancer, is no sign of a rate: cut for each,
//! one in 300 would hold a bind at 30 messages a second.

use crate::domain::Millis;

/// What an SMSC refused as too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Congestion {
    /// `ESME_RTHROTTLED` (0x58): the rate is above the one agreed.
    Throttled,
    /// `ESME_RMSGQFUL` (0x14): its queue is full.
    QueueFull,
}

/// The rate and the window in force for one bind.
#[derive(Clone, Debug)]
pub struct Pace {
    rate: Limit,
    window: Limit,
    /// Thousandths of a message that may go out now.
    credit: u64,
    /// Up to when `credit` is filled.
    filled_to: Millis,
    paused_to: Millis,
    last_cut: Millis,
    next_raise: Millis,
    sent: Sent,
}

impl Pace {
    /// Begins at both ceilings: `rate_per_s` messages a second, `window` underway.
    #[must_use]
    pub fn new(rate_per_s: u32, window: u32, now: Millis) -> Self {
        Self {
            rate: Limit::at_ceiling(rate_per_s),
            window: Limit::at_ceiling(window),
            credit: burst(rate_per_s),
            filled_to: now,
            paused_to: now,
            last_cut: Millis(i64::MIN),
            next_raise: now,
            sent: Sent {
                since: now,
                count: 0,
                last_second: 0,
                strays: 0,
            },
        }
    }

    /// How many messages may be underway.
    #[must_use]
    pub const fn window(&self) -> u32 {
        self.window.now
    }

    /// Messages a second.
    #[must_use]
    pub const fn rate_per_s(&self) -> u32 {
        self.rate.now
    }

    /// Whether a message may go out now, as far as the rate says.
    #[must_use]
    pub fn allows(&self, now: Millis) -> bool {
        now >= self.paused_to && self.credit_at(now) >= MESSAGE
    }

    /// When [`allows`](Self::allows) becomes true, or became so.
    #[must_use]
    pub fn next_allowed(&self) -> Millis {
        let lacking = MESSAGE.saturating_sub(self.credit);
        let wait = lacking.div_ceil(u64::from(self.rate.now).max(1));
        let filled = self
            .filled_to
            .plus_ms(i64::try_from(wait).unwrap_or(i64::MAX));
        self.paused_to.max(filled)
    }

    /// A message goes out.
    pub fn sent(&mut self, now: Millis) {
        self.credit = self.credit_at(now).saturating_sub(MESSAGE);
        self.filled_to = self.filled_to.max(now);
        self.sent.one_more(now);
    }

    /// A message that was sent at `sent_at` was refused as too much, for the first time or again.
    pub fn refused(
        &mut self,
        congestion: Congestion,
        is_first: bool,
        sent_at: Millis,
        now: Millis,
    ) {
        if sent_at < self.last_cut {
            return;
        }
        if congestion == Congestion::Throttled && is_first && self.sent.has_stray() {
            return;
        }
        match congestion {
            // The ceiling may be far above what was really sent: half of that would change nothing.
            Congestion::Throttled => self.rate.cut(self.sent.per_second()),
            Congestion::QueueFull => self.window.cut(self.window.now),
        }
        self.credit = 0;
        // A request of this millisecond was sent before the cut as well.
        self.last_cut = now.plus_ms(1);
        self.paused_to = now.plus_ms(PAUSE_MS);
        self.filled_to = self.paused_to;
        self.next_raise = self.paused_to.plus_ms(RAISE_MS);
    }

    /// A message was accepted: every quiet second raises both limits by one step.
    pub fn accepted(&mut self, now: Millis) {
        if now >= self.next_raise {
            self.credit = self.credit_at(now);
            self.filled_to = self.filled_to.max(now);
            self.rate.raise();
            self.window.raise();
            self.next_raise = now.plus_ms(RAISE_MS);
        }
    }

    fn credit_at(&self, now: Millis) -> u64 {
        let elapsed_ms = u64::try_from(now.since(self.filled_to)).unwrap_or(0);
        let earned = elapsed_ms.saturating_mul(u64::from(self.rate.now));
        self.credit.saturating_add(earned).min(burst(self.rate.now))
    }
}

/// A tenth of a second's worth may go out at once, or timers would set the rate.
fn burst(rate_per_s: u32) -> u64 {
    MESSAGE.max(u64::from(rate_per_s).saturating_mul(MESSAGE / 10))
}

/// One value between 1 and its ceiling.
#[derive(Clone, Debug)]
struct Limit {
    now: u32,
    ceiling: u32,
    /// What a quiet second adds.
    step: u32,
}

impl Limit {
    fn at_ceiling(ceiling: u32) -> Self {
        Self {
            now: ceiling.max(1),
            ceiling: ceiling.max(1),
            step: 1,
        }
    }

    fn cut(&mut self, in_use: u32) {
        let too_much = self.now.min(in_use);
        self.now = (too_much / 2).max(1);
        // Ten quiet seconds lead back to where it was too much: the ceiling may be far above it.
        self.step = (too_much / 20).max(1);
    }

    fn raise(&mut self) {
        self.now = self.now.saturating_add(self.step).min(self.ceiling);
    }
}

/// What really went out, second by second.
#[derive(Clone, Debug)]
struct Sent {
    since: Millis,
    count: u32,
    last_second: u32,
    /// Refusals of this second that changed nothing.
    strays: u32,
}

impl Sent {
    fn one_more(&mut self, now: Millis) {
        let elapsed_ms = now.since(self.since);
        if elapsed_ms >= 1_000 {
            self.last_second = if elapsed_ms < 2_000 { self.count } else { 0 };
            self.count = 0;
            self.strays = 0;
            self.since = now;
        }
        self.count = self.count.saturating_add(1);
    }

    /// Counts one more refusal, if there are still few of them beside what goes out.
    fn has_stray(&mut self) -> bool {
        let few = self.per_second() / MESSAGES_PER_STRAY;
        let is_stray = self.strays < few;
        self.strays = self.strays.saturating_add(u32::from(is_stray));
        is_stray
    }

    fn per_second(&self) -> u32 {
        self.count.max(self.last_second)
    }
}

/// Credit for one message, in thousandths: a rate per second earns whole thousandths per ms.
const MESSAGE: u64 = 1_000;
/// Throttling counts by the second in most SMSCs; within the same second it only repeats itself.
const PAUSE_MS: i64 = 1_000;
const RAISE_MS: i64 = 1_000;
/// A rate that is too high by 2 % needs no cut: one by 10 % shows at once.
const MESSAGES_PER_STRAY: u32 = 50;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = Millis(1_000_000);

    fn send_for_a_second(pace: &mut Pace, from: Millis) -> u32 {
        let mut count = 0;
        for ms in 0..1_000 {
            while pace.allows(from.plus_ms(ms)) {
                pace.sent(from.plus_ms(ms));
                count += 1;
            }
        }
        count
    }

    #[test]
    fn throttling_halves_what_was_really_sent_and_quiet_seconds_bring_it_back() {
        let mut pace = Pace::new(1_000, 50, NOW);
        assert!((900..=1_101).contains(&send_for_a_second(&mut pace, NOW)));
        let cut = NOW.plus_ms(1_000);
        pace.refused(Congestion::Throttled, false, cut, cut);
        assert!(
            (450..=551).contains(&pace.rate_per_s()),
            "{}",
            pace.rate_per_s()
        );
        assert!(!pace.allows(cut.plus_ms(999)), "it pauses first");
        let halved = send_for_a_second(&mut pace, cut.plus_ms(1_000));
        assert!((450..=560).contains(&halved), "{halved}");
        for second in 2..40 {
            pace.accepted(cut.plus_ms(second * 1_000));
        }
        assert_eq!(pace.rate_per_s(), 1_000);
    }

    #[test]
    fn a_whole_window_of_refusals_is_one_cut() {
        let mut pace = Pace::new(1_000, 64, NOW);
        for ms in 0..30 {
            pace.refused(Congestion::QueueFull, false, NOW, NOW.plus_ms(ms));
        }
        assert_eq!(pace.window(), 32);
        let later = NOW.plus_ms(5_000);
        pace.refused(Congestion::QueueFull, false, later, later);
        assert_eq!(pace.window(), 16);
    }

    /// An SMSC that takes `limit` in each second and, beside that, refuses one in `odds`: what it
    /// took and what it refused in a minute.
    fn a_minute_with(limit: u32, odds: u32) -> (u32, u32) {
        let mut pace = Pace::new(1_000, 50, NOW);
        let (mut taken, mut refused, mut seen, mut again) = (0, 0, 0_u32, false);
        for second in 0..60 {
            let mut this_second = 0;
            for ms in 0..1_000 {
                let now = NOW.plus_ms(second * 1_000 + ms);
                while pace.allows(now) {
                    pace.sent(now);
                    seen += 1;
                    if this_second >= limit || seen.is_multiple_of(odds) {
                        refused += 1;
                        pace.refused(Congestion::Throttled, !again, now, now);
                        again = true;
                    } else {
                        this_second += 1;
                        again = false;
                        pace.accepted(now);
                    }
                }
            }
            taken += this_second;
        }
        (taken, refused)
    }

    #[test]
    fn a_refusal_now_and_then_is_no_rate_and_a_rate_is_kept_to() {
        let (taken, refused) = a_minute_with(u32::MAX, 300);
        assert!(taken > 58_000, "{taken} in a minute, {refused} refused");
        let (taken, refused) = a_minute_with(200, u32::MAX);
        assert!(taken > 60 * 120, "{taken} in a minute");
        assert!(refused < taken / 50, "{refused} refused, {taken} taken");
    }

    #[test]
    fn the_floor_is_one_message_a_second_and_one_underway() {
        let mut pace = Pace::new(100, 10, NOW);
        let mut now = NOW;
        for _ in 0..20 {
            now = now.plus_ms(2_000);
            pace.refused(Congestion::Throttled, false, now, now);
            pace.refused(Congestion::QueueFull, false, now.plus_ms(1), now.plus_ms(1));
        }
        assert_eq!((pace.rate_per_s(), pace.window()), (1, 1));
        assert!(pace.allows(pace.next_allowed()), "and that one does go out");
    }

    proptest! {
        #[test]
        fn next_allowed_is_exactly_when_the_next_message_may_go(
            rate in 1_u32..5_000, steps in prop::collection::vec((0_i64..500, 0_u8..8), 1..200),
        ) {
            let mut pace = Pace::new(rate, 10, NOW);
            let mut now = NOW;
            for (ms, what) in steps {
                now = now.plus_ms(ms);
                match what {
                    0 => pace.refused(Congestion::Throttled, false, now, now),
                    1 => pace.accepted(now),
                    _ if pace.allows(now) => pace.sent(now),
                    _ => {}
                }
                let next = pace.next_allowed();
                prop_assert!(pace.allows(now.max(next)));
                prop_assert!(next <= now || !pace.allows(next.plus_ms(-1)));
                prop_assert!((1..=rate).contains(&pace.rate_per_s()));
            }
        }
    }
}
