//! Leader completeness (Raft, §5.4.3): what a leader of term T commits is in the log of each leader
//! of a later term U, T < U, from its election on.
//!
//! The rule orders terms and not moments. A leader of an older term may be elected, or observed,
//! after a newer term has committed more, and owes nothing of that: its own votes are from before
//! (Raft's safety argument needs a voter that accepted the entry *and then* voted in U, and no voter
//! does so if U < T). And a leader of an older term that does not know yet that it was deposed may
//! commit by acknowledgements that were under way, after a newer leader was elected, which owes that
//! too. So each commit is compared with all elections of later terms, and each election with all
//! commits of earlier terms, whichever comes first.
//!
//! A check that asks of a leader all that is committed by the time it is observed is too strong. The
//! seed that showed it: n1 leads t3, leaves the configuration and hands over to n0, which commits
//! entry 25 in t4; all that between two observations, so that 25 was asked of the leader of t3.

use crate::cluster::Event;

/// Elections and commits so far.
#[derive(Default)]
pub struct Completeness {
    /// By index less one: the entry's term, and the earliest term in which a node knew that it is
    /// committed. A node of term T knows that from a leader of term T, so a leader of T or earlier
    /// has committed it.
    committed: Vec<(u64, u64)>,
    /// Term, where the leader's log began, and the terms of its entries, at its election.
    leaders: Vec<(u64, u64, Vec<u64>)>,
}

impl Completeness {
    /// Takes what happened next, and compares.
    ///
    /// # Panics
    /// If a leader lacks what was committed in an earlier term.
    pub fn observe(&mut self, event: Event) {
        match event {
            Event::Elected { term, base, terms } => {
                let leader = (term, base, terms);
                for (index, committed) in (1..).zip(&self.committed) {
                    check(&leader, index, *committed);
                }
                self.leaders.push(leader);
            }
            Event::Committed {
                term: known_in,
                first,
                entries,
            } => {
                for (index, entry) in (first..).zip(entries.iter()) {
                    self.on_committed(index, entry.term, known_in);
                }
            }
        }
    }

    fn on_committed(&mut self, index: u64, term: u64, known_in: u64) {
        let at = index as usize - 1;
        match self.committed.get_mut(at) {
            Some((_, earliest)) if *earliest <= known_in => return,
            Some((_, earliest)) => *earliest = known_in,
            None => {
                assert_eq!(self.committed.len(), at, "a gap before {index}");
                self.committed.push((term, known_in));
            }
        }
        for leader in &self.leaders {
            check(leader, index, (term, known_in));
        }
    }
}

fn check(leader: &(u64, u64, Vec<u64>), index: u64, (term, committed_in): (u64, u64)) {
    let (elected_in, base, terms) = leader;
    if *elected_in <= committed_in || index <= *base {
        return; // nothing is owed, or it is in the snapshot
    }
    let held = terms.get((index - base) as usize - 1);
    assert_eq!(
        held,
        Some(&term),
        "leader completeness: {index} was committed in t{committed_in}, and the leader of \
         t{elected_in} lacks it"
    );
}

fn elected(term: u64, terms: &[u64]) -> Event {
    let terms = terms.to_vec();
    Event::Elected {
        term,
        base: 0,
        terms,
    }
}

fn committed(term: u64, first: u64, entry_term: u64) -> Event {
    let entry = quorate_crash::raft::Entry {
        term: entry_term,
        payload: quorate_crash::raft::Payload::Empty,
    };
    let entries = quorate_crash::raft::Entries::new(vec![entry]).expect("one entry");
    Event::Committed {
        term,
        first,
        entries,
    }
}

fn is_violated(events: impl IntoIterator<Item = Event>) -> bool {
    let mut completeness = Completeness::default();
    let events: Vec<_> = events.into_iter().collect();
    let all = move || events.into_iter().for_each(|it| completeness.observe(it));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(all)).is_err()
}

#[test]
fn a_leader_owes_what_earlier_terms_committed_and_nothing_of_later_ones() {
    let first = || committed(1, 1, 1);
    // The leader of t2 lacks, or has another entry than, what t1 committed: in either order.
    for lacking in [&[][..], &[2]] {
        assert!(is_violated([first(), elected(2, lacking)]));
        assert!(is_violated([elected(2, lacking), first()]));
    }
    assert!(!is_violated([first(), elected(2, &[1, 2])]));
    // A leader of an older or of the same term owes nothing of it.
    assert!(!is_violated([committed(3, 1, 3), elected(2, &[2])]));
    assert!(!is_violated([elected(3, &[]), committed(3, 1, 3)]));
    // It is first known in t5 and then known in t3: the leader of t4 owes it.
    let known = [committed(5, 1, 3), elected(4, &[4])];
    assert!(!is_violated(known.clone()));
    assert!(is_violated(known.into_iter().chain([committed(3, 1, 3)])));
}
