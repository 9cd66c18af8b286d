//! What founders decide, whatever comes late, twice, wrong, or after a crash.

use super::*;
use quorate_contract::Cluster;

const CONTRACT: u64 = 99;

fn founder(n: usize, me: usize, id: u64) -> Forming {
    // The id that a cluster gets shows which process decided.
    let roster = founders(&Cluster::loopback("test", n), 1000 + id);
    Forming::new(roster, me, id, CONTRACT)
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn missing(names: &[&str]) -> FormingAnswer {
    FormingAnswer::Waiting {
        missing: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn why(answer: FormingAnswer) -> String {
    match answer {
        FormingAnswer::Refused { why } => why,
        other => panic!("{other:?}"),
    }
}

fn refusal(verdict: Verdict) -> String {
    match verdict {
        Verdict::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}

/// Writes the decision, as the driver does.
fn write(forming: &mut Forming) -> Roster {
    let roster = forming.decided().expect("decided").clone();
    roster.check().expect("sound");
    forming.on_written();
    roster
}

#[test]
fn one_member_forms_alone_at_once() {
    let mut alone = founder(1, 0, 5);
    let roster = write(&mut alone);
    assert_eq!((roster.cluster_id, roster.members[0].id), (1005, 5));
}

#[test]
fn the_first_member_decides_when_all_have_offered_and_tells_only_what_is_written() {
    let mut zero = founder(3, 0, 10);
    let mut others = [founder(3, 1, 11), founder(3, 2, 12)];
    assert_eq!(zero.waits_for(at(0)), ["n1", "n2"]);
    assert_eq!(others[0].waits_for(at(0)), ["n0"]);
    assert_eq!(zero.on_offer(at(0), &others[0].offer()), missing(&["n2"]));
    assert_eq!(zero.decided(), None, "not without every founder");
    let verdict = others[0].on_answer(at(0), "n0", missing(&["n2"]));
    assert_eq!(verdict, Verdict::Wait);
    assert_eq!(others[0].waits_for(at(0)), ["n2"]);
    // The last offer decides, and is not answered with what is not durable yet.
    for _ in 0..2 {
        assert_eq!(zero.on_offer(at(1), &others[1].offer()), missing(&[]));
        assert!(zero.decided().is_some());
    }
    let roster = write(&mut zero);
    let ids: Vec<_> = roster.members.iter().map(|member| member.id).collect();
    assert_eq!((roster.cluster_id, ids), (1010, vec![10, 11, 12]));
    for other in &mut others {
        let answer = zero.on_offer(at(60), &other.offer());
        let verdict = other.on_answer(at(60), "n0", answer);
        assert_eq!(verdict, Verdict::Adopt(roster.clone()));
        assert_eq!(write(other), roster);
    }
    // A late one learns it from any of them.
    let late = founder(3, 2, 12);
    let answer = others[0].on_offer(at(99), &late.offer());
    assert_eq!(
        late.clone().on_answer(at(99), "n1", answer),
        Verdict::Adopt(roster)
    );
}

#[test]
fn others_than_the_first_never_decide() {
    let mut one = founder(3, 1, 11);
    one.on_offer(at(0), &founder(3, 0, 10).offer());
    one.on_offer(at(0), &founder(3, 2, 12).offer());
    assert_eq!(one.decided(), None);
}

#[test]
fn a_founder_that_has_gone_silent_is_waited_for_again() {
    let mut zero = founder(3, 0, 10);
    zero.on_offer(at(0), &founder(3, 1, 11).offer());
    assert_eq!(zero.waits_for(at(3)), ["n1", "n2"]);
    assert_eq!(
        zero.on_offer(at(3), &founder(3, 2, 12).offer()),
        missing(&["n1"])
    );
    assert_eq!(zero.decided(), None);
    let mut one = founder(3, 1, 11);
    one.on_answer(at(0), "n0", missing(&["n2"]));
    assert_eq!(
        one.waits_for(at(3)),
        ["n0"],
        "the collector has gone silent"
    );
}

#[test]
fn a_name_has_one_owner() {
    let mut zero = founder(3, 0, 10);
    let (first, second) = (founder(3, 1, 11).offer(), founder(3, 1, 21).offer());
    zero.on_offer(at(0), &first);
    let refused = why(zero.on_offer(at(1), &second));
    assert!(
        refused.contains("another process has started as \"n1\""),
        "{refused}"
    );
    // The second asked again and again; that does not keep the first alive.
    why(zero.on_offer(at(2), &second));
    assert_eq!(
        zero.on_offer(at(3), &second),
        missing(&["n2"]),
        "the first is dead"
    );
    why(zero.on_offer(at(3), &first));
    zero.on_offer(at(4), &founder(3, 2, 12).offer());
    assert_eq!(zero.decided().map(|roster| roster.members[1].id), Some(21));
    // After the decision there is no other owner, written or not, dead or not.
    let refused = why(zero.on_offer(at(99), &first));
    assert!(refused.contains("another process"), "{refused}");
    // And our own name is taken by ourselves.
    let refused = why(zero.on_offer(at(99), &founder(3, 0, 20).offer()));
    assert!(
        refused.contains("another process has started as \"n0\""),
        "{refused}"
    );
}

#[test]
fn another_contract_is_refused_and_only_the_collectors_word_is_final() {
    let mut zero = founder(3, 0, 10);
    let mut one = founder(3, 1, 11);
    for offer in [
        Offer {
            contract: 98,
            ..one.offer()
        },
        Offer {
            cluster: "other".to_owned(),
            ..one.offer()
        },
    ] {
        let answer = zero.on_offer(at(0), &offer);
        assert!(why(answer.clone()).contains("under another contract"));
        let refused = refusal(one.on_answer(at(0), "n0", answer.clone()));
        assert!(refused.starts_with("\"n0\" refuses: "), "{refused}");
        match one.on_answer(at(0), "n2", answer) {
            Verdict::Note(note) => assert!(note.starts_with("\"n2\" refuses: "), "{note}"),
            other => panic!("{other:?}"),
        }
    }
    let stranger = Offer {
        name: "n7".to_owned(),
        ..one.offer()
    };
    assert!(why(zero.on_offer(at(0), &stranger)).contains("has no member \"n7\""));
    let nil = Offer {
        member_id: 0,
        ..one.offer()
    };
    assert!(why(zero.on_offer(at(0), &nil)).contains("never 0"));
    assert_eq!(zero.waits_for(at(0)), ["n1", "n2"], "none of that counts");
}

#[test]
fn whose_id_is_not_in_the_roster_is_told_how_to_replace_the_member() {
    let mut founding = founders(&Cluster::loopback("test", 3), 7);
    for (member, id) in founding.members.iter_mut().zip(10..) {
        member.id = id;
    }
    let offer = |me, id| founder(3, me, id).offer();
    let judge = |offer: &Offer, current: &Roster| judge_formed(offer, &founding, current);
    assert_eq!(
        judge(&offer(1, 11), &founding),
        Verdict::Adopt(founding.clone())
    );
    assert_eq!(
        refusal(judge(&offer(1, 21), &founding)),
        "this directory is empty, but member \"n1\" (id 000000000000000b) is already part of \
         cluster 0000000000000007: replace it with 'quorate member replace n1'"
    );
    // Under the id of another member it is not that one either.
    assert!(refusal(judge(&offer(1, 12), &founding)).contains("replace it with"));
    let mut current = founding.clone();
    current.members.remove(1);
    let removed = refusal(judge(&offer(1, 11), &current));
    assert!(removed.contains("was removed from cluster"), "{removed}");
    let unknown = refusal(judge(&offer(1, 21), &current));
    assert!(unknown.contains("quorate member add n1"), "{unknown}");
    let mut other = offer(1, 11);
    other.cluster = "other".to_owned();
    let refused = refusal(judge(&other, &founding));
    assert!(refused.contains("belong to cluster \"test\""), "{refused}");
    let mut broken = founding.clone();
    broken.members[2].id = 10;
    let verdict = judge_formed(&offer(1, 11), &broken, &broken);
    assert!(matches!(verdict, Verdict::Note(_)), "{verdict:?}");
}

/// Founders that start late, crash and lose one directory at any point, and messages that take
/// long, drawn by chance. Directories never disagree about the cluster.
#[test]
fn chance_never_forms_two_clusters_from_one_founding() {
    let (mut formed, mut refused) = (0, 0);
    for seed in 0..20_000 {
        let world = World::run(seed);
        formed += usize::from(!world.clusters.is_empty());
        refused += usize::from(world.refused);
    }
    assert!(formed > 5_000, "{formed} foundings came to an end");
    assert!(refused > 1_000, "in {refused} a founder was refused");
}

/// What lies in a founder's directory.
#[derive(Clone, Default)]
struct Dir {
    id: Option<u64>,
    founding: Option<Roster>,
}

/// One exchange on a connection, which ends with either process.
struct Exchange {
    from: usize,
    to: usize,
    offer: Offer,
    answer: Option<FormingAnswer>,
}

struct World {
    rng: fastrand::Rng,
    now: u64,
    next_id: u64,
    dirs: [Dir; 3],
    running: [Option<Forming>; 3],
    /// At most one for each pair, as founders offer themselves to each other one at a time.
    exchanges: Vec<Exchange>,
    /// Every cluster that was written down.
    clusters: Vec<Roster>,
    wiped: bool,
    refused: bool,
}

impl World {
    fn run(seed: u64) -> Self {
        let mut world = Self {
            rng: fastrand::Rng::with_seed(seed),
            now: 0,
            next_id: 1,
            dirs: Default::default(),
            running: Default::default(),
            exchanges: vec![],
            clusters: vec![],
            wiped: false,
            refused: false,
        };
        for _ in 0..60 {
            world.now += world.rng.u64(0..1500);
            let who = world.rng.usize(0..3);
            match world.rng.u8(0..16) {
                0..=4 => world.start(who),
                5 => world.end(who),
                6 if !world.wiped => {
                    world.end(who);
                    world.dirs[who] = Dir::default();
                    world.wiped = true;
                }
                _ => {}
            }
            for from in 0..3 {
                world.call(from);
            }
            for _ in 0..world.rng.usize(0..6) {
                world.deliver();
                world.write();
            }
            world.check();
        }
        world
    }

    fn start(&mut self, who: usize) {
        if self.running[who].is_some() || self.dirs[who].founding.is_some() {
            return;
        }
        self.next_id += 1;
        let id = *self.dirs[who].id.get_or_insert(self.next_id);
        // A new cluster id for each start, as it is drawn.
        let roster = founders(&Cluster::loopback("test", 3), 1000 * self.next_id);
        self.running[who] = Some(Forming::new(roster, who, id, CONTRACT));
    }

    fn end(&mut self, who: usize) {
        self.running[who] = None;
        self.exchanges
            .retain(|exchange| exchange.from != who && exchange.to != who);
    }

    fn call(&mut self, from: usize) {
        let to = (from + 1 + self.rng.usize(0..2)) % 3;
        let is_free = |exchange: &Exchange| (exchange.from, exchange.to) != (from, to);
        if let Some(forming) = &self.running[from]
            && self.exchanges.iter().all(is_free)
        {
            let offer = forming.offer();
            let answer = None;
            self.exchanges.push(Exchange {
                from,
                to,
                offer,
                answer,
            });
        }
    }

    fn deliver(&mut self) {
        if self.exchanges.is_empty() {
            return;
        }
        let time = Time(self.now * 1_000_000);
        let pick = self.rng.usize(0..self.exchanges.len());
        let Exchange {
            from,
            to,
            offer,
            answer,
        } = self.exchanges.swap_remove(pick);
        let Some(answer) = answer else {
            let answer = match (&self.dirs[to].founding, &mut self.running[to]) {
                // A member that is formed serves, and answers so.
                (Some(founding), _) => FormingAnswer::Formed {
                    founding: founding.clone(),
                    current: founding.clone(),
                },
                (None, Some(forming)) => forming.on_offer(time, &offer),
                (None, None) => return,
            };
            let answer = Some(answer);
            self.exchanges.push(Exchange {
                from,
                to,
                offer,
                answer,
            });
            return;
        };
        if let Some(forming) = &mut self.running[from]
            && let Verdict::Refused(_) = forming.on_answer(time, &format!("n{to}"), answer)
        {
            self.refused = true;
            self.end(from);
        }
    }

    fn write(&mut self) {
        for who in 0..3 {
            let Some(forming) = &mut self.running[who] else {
                continue;
            };
            let Some(roster) = forming.decided().cloned() else {
                continue;
            };
            if self.rng.u8(0..4) == 0 {
                // A crash before the decision is on disk.
                self.end(who);
                continue;
            }
            self.dirs[who].founding = Some(roster.clone());
            self.running[who] = None;
            if !self.clusters.contains(&roster) {
                self.clusters.push(roster);
            }
        }
    }

    fn check(&self) {
        let mut written = vec![];
        for (who, dir) in self.dirs.iter().enumerate() {
            if let Some(founding) = &dir.founding {
                founding.check().expect("sound");
                assert_eq!(
                    Some(founding.members[who].id),
                    dir.id,
                    "it is in its roster"
                );
                written.push(founding);
            }
        }
        assert!(
            written.windows(2).all(|pair| pair[0] == pair[1]),
            "two directories disagree: {written:#?}"
        );
        // There is a second cluster only where the directory that held the first was wiped.
        assert!(self.clusters.len() <= 1 + usize::from(self.wiped));
    }
}
