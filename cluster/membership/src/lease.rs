//! The lease of a role, as one node has it: a state machine that is told of time and of answers, and asks for requests.
//!
//! A lease in Redis decides who holds the role; an epoch minted in the database fences what the holder does. A holder
//! stops by itself some time after it *sent* its last confirmed renewal, well before the lease can go to somebody else.
//! Redis may lose the lease, and a process may sleep at any line: then two nodes may believe they hold it for a moment,
//! and the epoch of one of them is refused.
//!
//! The epoch is minted from the one that was read, so that a request of a former holder that arrives late changes nothing.

use std::time::{Duration, Instant};

use crate::limits::{
    LEASE_FENCE_AFTER, LEASE_LOOK_EVERY, LEASE_RENEW_EVERY, LEASE_RETRY, LEASE_TTL,
    LEASE_VERIFY_EVERY,
};

/// Times of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTiming {
    /// Redis gives the lease to somebody else this long after it was last renewed.
    pub ttl: Duration,
    /// A holder renews this often.
    pub renew: Duration,
    /// A holder stops this long after it sent its last confirmed renewal.
    pub fence: Duration,
    /// A contender looks at least this often.
    pub look: Duration,
    /// A holder asks for its epoch this often.
    pub verify: Duration,
}

impl Default for LeaseTiming {
    fn default() -> Self {
        Self {
            ttl: LEASE_TTL,
            renew: LEASE_RENEW_EVERY,
            fence: LEASE_FENCE_AFTER,
            look: LEASE_LOOK_EVERY,
            verify: LEASE_VERIFY_EVERY,
        }
    }
}

/// Whom a request goes to. At most one is under way to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Redis, which has the lease.
    Redis,
    /// The database, which has the epoch.
    Odb,
}

/// A request. Those to Redis carry the tenure: each try to get the lease is another, so that what arrives late touches
/// nothing that came after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Takes the lease if nobody has it.
    Acquire,
    /// Prolongs it.
    Renew,
    /// Gives it back.
    Release,
    /// Reads the epoch and mints the next.
    Mint,
    /// Reads the epoch.
    Verify,
}

impl Ask {
    /// Whom it goes to.
    #[must_use]
    pub const fn side(self) -> Side {
        match self {
            Self::Acquire | Self::Renew | Self::Release => Side::Redis,
            Self::Mint | Self::Verify => Side::Odb,
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was done: acquired, renewed, released.
    Done,
    /// Somebody else has the lease, for so much longer.
    Taken(Duration),
    /// The epoch that was minted, or that stands.
    Epoch(i64),
    /// Somebody else minted meanwhile.
    Outrun,
    /// Nobody knows: it failed, or took too long. It may still be done later.
    Unknown,
}

/// Why a node holds a role no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It could not renew in time and stopped by itself.
    Fenced,
    /// Redis gave it to somebody else, or lost it.
    Lost,
    /// Somebody minted a later epoch.
    Deposed,
    /// It was told to.
    Released,
}

impl End {
    /// The word shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::Lost => "lost",
            Self::Deposed => "deposed",
            Self::Released => "released",
        }
    }
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The role is held, under this epoch.
    Took(i64),
    /// It is held no longer.
    Ended(i64, End),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Somebody else has it; looked at again then.
    Away { look_at: Instant },
    /// The lease is ours; the epoch is being minted.
    Minting { renewed: Instant, mint_at: Instant },
    /// The role is ours.
    Holding {
        epoch: i64,
        renewed: Instant,
        verify_at: Instant,
    },
    /// The lease is given back, if it still is ours.
    Releasing,
    /// It is not wanted any more.
    Stopped,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    ask: Ask,
    tenure: u64,
    at: Instant,
}

/// The lease of one node.
#[derive(Debug)]
pub struct Lease {
    timing: LeaseTiming,
    state: State,
    tenure: u64,
    redis: Option<Sent>,
    odb: Option<Sent>,
    /// The next request to Redis goes no earlier.
    redis_at: Instant,
    wanted: bool,
}

impl Lease {
    /// A contender that looks at once.
    #[must_use]
    pub const fn new(timing: LeaseTiming, now: Instant) -> Self {
        Self {
            timing,
            state: State::Away { look_at: now },
            tenure: 0,
            redis: None,
            odb: None,
            redis_at: now,
            wanted: true,
        }
    }

    /// Which try to get the lease this is; part of what is written to Redis.
    #[must_use]
    pub const fn tenure(&self) -> u64 {
        self.tenure
    }

    /// The epoch under which the role is held now.
    #[must_use]
    pub fn holds(&self, now: Instant) -> Option<i64> {
        match self.state {
            State::Holding { epoch, renewed, .. } => {
                (now < renewed + self.timing.fence).then_some(epoch)
            }
            State::Away { .. } | State::Minting { .. } | State::Releasing | State::Stopped => None,
        }
    }

    /// When a holder stops by itself, unless it renews before.
    #[must_use]
    pub fn fence_at(&self) -> Option<Instant> {
        match self.state {
            State::Holding { renewed, .. } | State::Minting { renewed, .. } => {
                Some(renewed + self.timing.fence)
            }
            State::Away { .. } | State::Releasing | State::Stopped => None,
        }
    }

    /// Whether it is over: not wanted, and given back.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state == State::Stopped
    }

    /// The request that is to be sent now, if one is. What is handed out counts as sent.
    pub fn next(&mut self, now: Instant) -> Option<Ask> {
        let redis = self.redis.is_none() && now >= self.redis_at;
        let odb = self.odb.is_none();
        let ask = match self.state {
            State::Away { look_at } if redis && now >= look_at => {
                self.tenure += 1;
                Ask::Acquire
            }
            State::Minting { renewed, .. } | State::Holding { renewed, .. }
                if redis && now >= renewed + self.timing.renew =>
            {
                Ask::Renew
            }
            State::Minting { mint_at, .. } if odb && now >= mint_at => Ask::Mint,
            State::Holding { verify_at, .. } if odb && now >= verify_at => Ask::Verify,
            State::Releasing if redis => Ask::Release,
            State::Away { .. }
            | State::Minting { .. }
            | State::Holding { .. }
            | State::Releasing
            | State::Stopped => return None,
        };
        let sent = Some(Sent {
            ask,
            tenure: self.tenure,
            at: now,
        });
        match ask.side() {
            Side::Redis => self.redis = sent,
            Side::Odb => self.odb = sent,
        }
        Some(ask)
    }

    /// When [`Lease::next`] or [`Lease::pass`] may have something to do, if no answer comes before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let redis = |at: Instant| self.redis.is_none().then(|| at.max(self.redis_at));
        let odb = |at: Instant| self.odb.is_none().then_some(at);
        let times = match self.state {
            State::Away { look_at } => [redis(look_at), None, None],
            State::Minting { renewed, mint_at } => [
                redis(renewed + self.timing.renew),
                odb(mint_at),
                Some(renewed + self.timing.fence),
            ],
            State::Holding {
                renewed, verify_at, ..
            } => [
                redis(renewed + self.timing.renew),
                odb(verify_at),
                Some(renewed + self.timing.fence),
            ],
            State::Releasing => [redis(self.redis_at), None, None],
            State::Stopped => [None, None, None],
        };
        times.into_iter().flatten().min()
    }

    /// Takes in that time has passed.
    pub fn pass(&mut self, now: Instant) -> Option<Turn> {
        if self.fence_at().is_some_and(|fence| now >= fence) {
            return self.end(End::Fenced);
        }
        None
    }

    /// Takes in what became of the request that is under way to a side.
    pub fn answered(&mut self, side: Side, answer: Answer, now: Instant) -> Option<Turn> {
        let slot = match side {
            Side::Redis => &mut self.redis,
            Side::Odb => &mut self.odb,
        };
        let sent = slot.take()?;
        if side == Side::Redis && answer == Answer::Unknown {
            self.redis_at = now + LEASE_RETRY;
        }
        // First the clock: an answer that comes too late must not bring a lease back.
        let fenced = self.pass(now);
        if fenced.is_some() || sent.tenure != self.tenure {
            return fenced;
        }
        match sent.ask {
            Ask::Acquire => self.acquired(sent.at, answer, now),
            Ask::Renew => self.renewed(sent.at, answer),
            Ask::Mint => self.minted(answer, now),
            Ask::Verify => self.verified(answer, now),
            Ask::Release => self.released(now),
        }
    }

    /// Somebody said that the lease is free.
    pub fn heard_free(&mut self, now: Instant) {
        if let State::Away { look_at } = &mut self.state {
            *look_at = now;
        }
    }

    /// The database refused this epoch as old. If it is the one that is held, it is asked for at once; if another one is,
    /// whoever acts for the role missed the change, and the role is left so that he notices.
    pub fn doubt(&mut self, refused: i64, now: Instant) -> Option<Turn> {
        match &mut self.state {
            State::Holding {
                epoch, verify_at, ..
            } if *epoch == refused => {
                *verify_at = now;
                None
            }
            State::Holding { .. } => self.end(End::Deposed),
            State::Away { .. } | State::Minting { .. } | State::Releasing | State::Stopped => None,
        }
    }

    /// The role is not wanted any more: it is given back.
    pub fn stop(&mut self) -> Option<Turn> {
        self.wanted = false;
        let gives_back = self.state == State::Releasing;
        let may_have_it = gives_back || self.fence_at().is_some() || self.redis.is_some();
        let turn = self.end(End::Released);
        if !may_have_it {
            self.state = State::Stopped;
        }
        turn
    }

    fn acquired(&mut self, sent: Instant, answer: Answer, now: Instant) -> Option<Turn> {
        if !matches!(self.state, State::Away { .. }) {
            // It was told to stop meanwhile, and the lease that came is given back.
            return None;
        }
        self.state = match answer {
            Answer::Done if now < sent + self.timing.fence => State::Minting {
                renewed: sent,
                mint_at: now,
            },
            Answer::Done => State::Releasing,
            Answer::Taken(left) => State::Away {
                look_at: now + left.min(self.timing.look),
            },
            Answer::Unknown | Answer::Epoch(_) | Answer::Outrun => State::Away {
                look_at: now + LEASE_RETRY,
            },
        };
        None
    }

    fn renewed(&mut self, sent: Instant, answer: Answer) -> Option<Turn> {
        match (answer, &mut self.state) {
            (Answer::Done, State::Minting { renewed, .. } | State::Holding { renewed, .. }) => {
                *renewed = sent;
                None
            }
            (Answer::Taken(_), _) => self.end(End::Lost),
            (Answer::Done | Answer::Epoch(_) | Answer::Outrun | Answer::Unknown, _) => None,
        }
    }

    fn minted(&mut self, answer: Answer, now: Instant) -> Option<Turn> {
        let State::Minting { renewed, mint_at } = &mut self.state else {
            return None;
        };
        match answer {
            Answer::Epoch(epoch) => {
                self.state = State::Holding {
                    epoch,
                    renewed: *renewed,
                    verify_at: now + self.timing.verify,
                };
                Some(Turn::Took(epoch))
            }
            Answer::Outrun => {
                *mint_at = now;
                None
            }
            Answer::Unknown | Answer::Done | Answer::Taken(_) => {
                *mint_at = now + LEASE_RETRY;
                None
            }
        }
    }

    fn verified(&mut self, answer: Answer, now: Instant) -> Option<Turn> {
        let State::Holding {
            epoch, verify_at, ..
        } = &mut self.state
        else {
            return None;
        };
        *verify_at = now + self.timing.verify;
        match answer {
            Answer::Epoch(stands) if stands != *epoch => self.end(End::Deposed),
            Answer::Epoch(_)
            | Answer::Done
            | Answer::Taken(_)
            | Answer::Outrun
            | Answer::Unknown => None,
        }
    }

    fn released(&mut self, now: Instant) -> Option<Turn> {
        self.state = if self.wanted {
            State::Away {
                look_at: now + self.timing.renew,
            }
        } else {
            State::Stopped
        };
        None
    }

    /// Leaves the role; the lease is given back, in case it still is ours.
    fn end(&mut self, why: End) -> Option<Turn> {
        let turn = match self.state {
            State::Holding { epoch, .. } => Some(Turn::Ended(epoch, why)),
            State::Minting { .. } | State::Away { .. } => None,
            State::Releasing | State::Stopped => return None,
        };
        self.state = State::Releasing;
        turn
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
