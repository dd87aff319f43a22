//! The leader election as a state machine without I/O.
//!
//! A standby reads the Lease periodically, and takes it over if it has not changed for as long as it says. The holder
//! renews it, and reads it only if a renewal fails: its last write has told it the version. Moments that others wrote into it are never compared with the own clock: only the
//! time that passes *here* between two looks counts, so clocks may be wrong by any amount. They may also run at
//! different speeds, by as much as [`Timing::MARGIN`] allows.
//!
//! What makes it safe:
//!
//! - every write depends on the version that was read or last written here, so of two that take over at once one is
//!   refused, and a holder that has lost the Lease cannot renew it;
//! - the holder's claim counts from *before* its write was sent, and others count from *after* they saw it;
//! - the claim ends before the lease does, and by itself: no answer is needed for that, and a lost one extends nothing.

use std::time::Duration;

use pullstop_core::time::Timestamp;

/// The Lease, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// `metadata.resourceVersion`; empty if there is no Lease yet.
    pub version: String,
    /// `spec.holderIdentity`; empty if it was released.
    pub holder: String,
    /// `spec.leaseDurationSeconds`.
    pub duration: Duration,
    /// `spec.leaseTransitions`: how often the holder has changed.
    pub transitions: u32,
}

/// How often, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Timing;

impl Timing {
    /// How long after its last renewal a Lease is taken over (client-go's default).
    pub const LEASE: Duration = Duration::from_secs(15);
    /// How much earlier than that the holder stops to rely on it: clocks may differ in speed by a third of this in
    /// every 15 s, and a write that was sent at the last moment has the rest to arrive.
    pub const MARGIN: Duration = Duration::from_secs(5);
    /// How often it is read and renewed (client-go's default).
    pub const RETRY: Duration = Duration::from_secs(2);
}

/// One replica's view of the Lease.
#[derive(Clone, Debug)]
pub struct Elector {
    me: String,
    seen: Option<Seen>,
    claimed_until: Option<Timestamp>,
}

/// The Lease as it was last seen to change.
#[derive(Clone, Debug)]
struct Seen {
    record: Record,
    /// When this version was first seen here.
    since: Timestamp,
    /// This replica has written it, and not tried to renew it since.
    renewable: bool,
}

/// What to do with a Lease that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another replica holds it: read it again later.
    Wait,
    /// Write this, if the version is still [`Record::version`]; create it if that is empty.
    Write(Record),
}

impl Elector {
    /// A replica that calls itself `me`, a name that no other process has or had.
    pub fn new(me: String) -> Self {
        Self {
            me,
            seen: None,
            claimed_until: None,
        }
    }

    /// What the holder writes at `now` without reading first. Once for each write that was stored: if this one fails, or
    /// its answer gets lost, the Lease must be read.
    pub fn renew(&mut self, now: Timestamp) -> Option<Record> {
        let claims = self.claimed_until.is_some_and(|until| now < until);
        let seen = self.seen.as_mut()?;
        let renews = std::mem::take(&mut seen.renewable) && claims;
        renews.then(|| seen.record.clone())
    }

    /// The Lease was read, and this came back at `now`; an empty [`Record`] if there is none.
    pub fn read(&mut self, record: Record, now: Timestamp) -> Step {
        let changed = self.seen.as_ref().is_none_or(|seen| seen.record != record);
        if changed {
            self.seen = Some(Seen {
                record: record.clone(),
                since: now,
                renewable: false,
            });
        }
        let since = self.seen.as_ref().map_or(now, |seen| seen.since);
        let mine = record.holder == self.me;
        let free = record.holder.is_empty() || now >= since.after(record.duration);
        if !mine && !free {
            // The claim is void: another replica holds the Lease.
            self.claimed_until = None;
            return Step::Wait;
        }
        Step::Write(Record {
            version: record.version,
            holder: self.me.clone(),
            duration: Timing::LEASE,
            transitions: record.transitions.saturating_add(u32::from(!mine)),
        })
    }

    /// The write that was sent at `sent_at` was stored, under this version, says an answer that came at `now`. Any
    /// other answer, or none, changes nothing: the claim of the last one that was stored goes on until it ends.
    pub fn stored(&mut self, record: Record, sent_at: Timestamp, now: Timestamp) {
        self.seen = Some(Seen {
            record,
            since: now,
            renewable: true,
        });
        let until = sent_at.after(Timing::LEASE.saturating_sub(Timing::MARGIN));
        self.claimed_until = self.claimed_until.max(Some(until));
    }

    /// Until when this replica may act as leader.
    pub fn claimed_until(&self) -> Option<Timestamp> {
        self.claimed_until
    }

    /// Gives the Lease up, if it is held: what to write so that others need not wait.
    pub fn release(&mut self) -> Option<Record> {
        self.claimed_until.take()?;
        let seen = self.seen.as_ref()?;
        Some(Record {
            version: seen.record.version.clone(),
            holder: String::new(),
            // The API server wants at least one second.
            duration: Duration::from_secs(1),
            transitions: seen.record.transitions,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn held_by(holder: &str, version: &str) -> Record {
        let (version, holder) = (version.to_owned(), holder.to_owned());
        Record {
            version,
            holder,
            duration: Timing::LEASE,
            transitions: 1,
        }
    }

    #[test]
    fn an_absent_lease_is_created() {
        let mut elector = Elector::new("me".to_owned());
        let Step::Write(record) = elector.read(Record::default(), at(1)) else {
            panic!()
        };
        assert_eq!(
            (
                record.version.as_str(),
                record.holder.as_str(),
                record.transitions
            ),
            ("", "me", 1)
        );
        assert_eq!(
            elector.claimed_until(),
            None,
            "nothing is claimed before it is stored"
        );
        elector.stored(held_by("me", "1"), at(1), at(1));
        assert_eq!(elector.claimed_until(), Some(at(11)));
    }

    #[test]
    fn a_lease_is_taken_over_when_it_has_not_changed_for_as_long_as_it_says() {
        let mut elector = Elector::new("me".to_owned());
        assert_eq!(elector.read(held_by("you", "1"), at(100)), Step::Wait);
        assert_eq!(elector.read(held_by("you", "1"), at(114)), Step::Wait);
        assert_eq!(
            elector.read(held_by("you", "2"), at(114)),
            Step::Wait,
            "it was renewed"
        );
        assert_eq!(elector.read(held_by("you", "2"), at(128)), Step::Wait);
        let Step::Write(record) = elector.read(held_by("you", "2"), at(129)) else {
            panic!()
        };
        assert_eq!((record.version.as_str(), record.transitions), ("2", 2));
    }

    #[test]
    fn a_released_lease_is_taken_at_once() {
        let mut elector = Elector::new("me".to_owned());
        assert!(matches!(
            elector.read(held_by("", "5"), at(1)),
            Step::Write(_)
        ));
    }

    #[test]
    fn a_claim_ends_by_itself_and_a_lost_answer_extends_nothing() {
        let mut elector = Elector::new("me".to_owned());
        elector.read(Record::default(), at(1));
        elector.stored(held_by("me", "1"), at(1), at(1));
        // Renewals that are stored but whose answers are lost: only the reads are seen.
        for second in [3, 5, 7, 9] {
            let version = second.to_string();
            assert!(matches!(
                elector.read(held_by("me", &version), at(second)),
                Step::Write(_)
            ));
        }
        assert_eq!(elector.claimed_until(), Some(at(11)));
    }

    #[test]
    fn the_holder_renews_without_reading_until_a_write_fails() {
        let mut elector = Elector::new("me".to_owned());
        elector.read(Record::default(), at(1));
        assert_eq!(elector.renew(at(1)), None, "nothing is stored yet");
        elector.stored(held_by("me", "1"), at(1), at(1));
        assert_eq!(elector.renew(at(3)), Some(held_by("me", "1")));
        elector.stored(held_by("me", "2"), at(3), at(3));
        assert_eq!(elector.claimed_until(), Some(at(13)));
        assert_eq!(elector.renew(at(5)), Some(held_by("me", "2")));
        // There is no answer: it may have been stored or not.
        assert_eq!(elector.renew(at(7)), None);
        elector.read(held_by("me", "3"), at(7));
        assert_eq!(elector.renew(at(7)), None, "what was only read");
        elector.stored(held_by("me", "4"), at(7), at(7));
        assert_eq!(elector.renew(at(17)), None, "the claim has ended");
    }

    #[test]
    fn who_sees_another_holder_claims_nothing() {
        let mut elector = Elector::new("me".to_owned());
        elector.read(Record::default(), at(1));
        elector.stored(held_by("me", "1"), at(1), at(1));
        assert_eq!(elector.read(held_by("you", "9"), at(2)), Step::Wait);
        assert_eq!(elector.claimed_until(), None);
        assert_eq!(elector.renew(at(2)), None);
        assert_eq!(elector.release(), None);
    }

    #[test]
    fn what_is_released_was_held() {
        let mut elector = Elector::new("me".to_owned());
        assert_eq!(elector.release(), None);
        elector.read(held_by("me", "3"), at(1));
        elector.stored(held_by("me", "4"), at(1), at(1));
        let record = elector.release().unwrap();
        assert_eq!((record.version.as_str(), record.holder.as_str()), ("4", ""));
        assert_eq!(elector.claimed_until(), None);
    }

    /// One replica in the model: its clock begins anywhere and runs up to 10 % too fast or too slow.
    struct Replica {
        elector: Elector,
        offset_ms: u64,
        speed_percent: u64,
        up: bool,
    }

    impl Replica {
        fn local(&self, real_ms: u64) -> Timestamp {
            Timestamp::from_millis(self.offset_ms + real_ms * self.speed_percent / 100)
        }
    }

    /// What happens to one round of a replica.
    #[derive(Clone, Copy, Debug)]
    struct Round {
        replica: usize,
        pause_ms: u64,
        /// How long each of the four messages takes.
        delays_ms: [u64; 4],
        /// Which message is lost, if below 4.
        lost: usize,
        restart: bool,
    }

    /// Rounds in phases: in each, one replica is cut off, for about as long as a Lease lasts.
    fn rounds() -> impl Strategy<Value = Vec<Round>> {
        let round = (
            1..3usize,
            500..3_000u64,
            prop::array::uniform4(0..6_000u64),
            0..12usize,
            0..60u8,
        );
        let phase =
            (0..3usize, prop::collection::vec(round, 1..16)).prop_map(|(cut_off, rounds)| {
                let round = move |(next, pause_ms, delays_ms, lost, restart)| Round {
                    replica: (cut_off + next) % 3,
                    pause_ms,
                    delays_ms,
                    lost,
                    restart: restart == 0,
                };
                rounds.into_iter().map(round).collect::<Vec<Round>>()
            });
        prop::collection::vec(phase, 1..10).prop_map(|phases| phases.concat())
    }

    /// A message under way.
    #[derive(Clone, Debug)]
    enum Message {
        ReadArrives(Round),
        ReadAnswered(Round, Record),
        WriteArrives(Round, Record, Timestamp),
        WriteAnswered(Round, Record, Timestamp),
        /// Somebody else has written; a renewal is followed by a read.
        WriteRefused(Round),
    }

    /// The Lease on the server, three replicas, and messages that take their time or get lost.
    struct Model {
        server: Record,
        version: u64,
        replicas: Vec<Replica>,
        /// By real time, then by number.
        queue: BTreeMap<(u64, u64), Message>,
        sent: u64,
        /// Writes without a read before.
        renewals: u64,
    }

    impl Model {
        fn new(offsets_ms: [u64; 3], speeds_percent: [u64; 3]) -> Self {
            let replica = |at: usize| Replica {
                elector: Elector::new(format!("r{at}")),
                offset_ms: offsets_ms[at],
                speed_percent: speeds_percent[at],
                up: true,
            };
            Self {
                server: Record::default(),
                version: 0,
                replicas: (0..3).map(replica).collect(),
                queue: BTreeMap::new(),
                sent: 0,
                renewals: 0,
            }
        }

        /// Lets the rounds happen one after the other; panics if there are ever two leaders.
        fn play(&mut self, rounds: &[Round]) {
            let mut now_ms = 0;
            for (number, round) in rounds.iter().enumerate() {
                let until = now_ms + round.pause_ms;
                while let Some(next) = self.queue.first_entry()
                    && next.key().0 <= until
                {
                    let ((at, _), message) = next.remove_entry();
                    self.deliver(at, message);
                    assert!(self.leaders(at) <= 1, "at {at} ms: {:?}", self.server);
                }
                now_ms = until;
                if round.restart {
                    self.restart(round.replica, number);
                }
                self.begin(now_ms, *round);
                assert!(self.leaders(now_ms) <= 1);
            }
        }

        /// What is still under way to a process that is gone is lost.
        fn restart(&mut self, replica: usize, number: usize) {
            self.replicas[replica].elector = Elector::new(format!("r{replica}-{number}"));
            self.queue.retain(|_, message| match message {
                Message::ReadAnswered(round, _)
                | Message::WriteAnswered(round, ..)
                | Message::WriteRefused(round) => round.replica != replica,
                Message::ReadArrives(_) | Message::WriteArrives(..) => true,
            });
        }

        fn send(&mut self, now_ms: u64, round: Round, leg: usize, message: Message) {
            if round.lost != leg {
                self.sent += 1;
                self.queue
                    .insert((now_ms + round.delays_ms[leg], self.sent), message);
            }
        }

        /// As [`Candidate`](super::super::Candidate) begins a round.
        fn begin(&mut self, now_ms: u64, round: Round) {
            let replica = &mut self.replicas[round.replica];
            let now = replica.local(now_ms);
            if let Some(record) = replica.elector.renew(now) {
                self.renewals += 1;
                self.send(now_ms, round, 2, Message::WriteArrives(round, record, now));
            } else {
                self.send(now_ms, round, 0, Message::ReadArrives(round));
            }
        }

        fn deliver(&mut self, now_ms: u64, message: Message) {
            match message {
                Message::ReadArrives(round) => {
                    let record = self.server.clone();
                    self.send(now_ms, round, 1, Message::ReadAnswered(round, record));
                }
                Message::ReadAnswered(round, record) => {
                    let replica = &mut self.replicas[round.replica];
                    let now = replica.local(now_ms);
                    if let Step::Write(record) = replica.elector.read(record, now) {
                        self.send(now_ms, round, 2, Message::WriteArrives(round, record, now));
                    }
                }
                Message::WriteArrives(round, record, sent_at) => {
                    if record.version == self.server.version {
                        self.version += 1;
                        self.server = Record {
                            version: self.version.to_string(),
                            ..record
                        };
                        let stored = self.server.clone();
                        self.send(
                            now_ms,
                            round,
                            3,
                            Message::WriteAnswered(round, stored, sent_at),
                        );
                    } else {
                        self.send(now_ms, round, 3, Message::WriteRefused(round));
                    }
                }
                Message::WriteRefused(round) => self.begin(now_ms, round),
                Message::WriteAnswered(round, record, sent_at) => {
                    let replica = &mut self.replicas[round.replica];
                    let now = replica.local(now_ms);
                    replica.elector.stored(record, sent_at, now);
                }
            }
        }

        fn leaders(&self, now_ms: u64) -> usize {
            let leads = |r: &&Replica| {
                r.up && r
                    .elector
                    .claimed_until()
                    .is_some_and(|until| r.local(now_ms) < until)
            };
            self.replicas.iter().filter(leads).count()
        }
    }

    #[test]
    fn in_the_model_the_holder_renews_without_reading() {
        let round = Round {
            replica: 0,
            pause_ms: 2000,
            delays_ms: [10; 4],
            lost: 4,
            restart: false,
        };
        let mut model = Model::new([0; 3], [100; 3]);
        model.play(&[round; 10]);
        assert_eq!(model.renewals, 9);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Whatever is lost, late or restarted, and however the clocks are off: never two leaders at one moment.
        #[test]
        fn there_is_at_most_one_leader(
            rounds in rounds(),
            offsets in prop::array::uniform3(0..1_000_000_000u64),
            speeds in prop::array::uniform3(90..=110u64),
        ) {
            Model::new(offsets, speeds).play(&rounds);
        }
    }
}
