//! What must hold: the properties, checked after every event, and whether all was decided.

use crate::commit_rules::CommitRules;
use crate::experiment::{ClientLoad, Experiment};
use crate::register_history::RegisterHistory;

use crate::system::{Proposers, SlotDecision, SystemUnderTest};
use bytes::Bytes;
use quorate_contract::{Problem, Synchrony};
use quorate_core::{NodeId, NodeSet};
use quorate_sim::{NodeFault, NodeOutput};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::marker::PhantomData;

/// A property that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenProperty {
    /// Its name.
    pub property: &'static str,
    /// The figures.
    pub detail: String,
    /// Where it showed.
    pub node: NodeId,
}

/// What one node has decided: by slot, and when.
pub type DecisionLog = BTreeMap<u64, (Vec<Bytes>, u64)>;

#[derive(Debug)]
pub(crate) struct Checker<S> {
    liars: NodeSet,
    /// Nodes that are expected to decide.
    must_decide: NodeSet,
    sender_ok: bool,
    /// All values that anybody was asked for.
    asked: BTreeSet<Bytes>,
    /// The values that must be decided everywhere.
    wanted: BTreeSet<Bytes>,
    /// The first to decide a slot, and what.
    first: BTreeMap<u64, (NodeId, Vec<Bytes>)>,
    /// How many different decisions at one place are in order.
    distinct: usize,
    /// The others that were in order.
    others: BTreeMap<u64, BTreeSet<Vec<Bytes>>>,
    logs: Vec<DecisionLog>,
    /// The values that each node has decided.
    decided: Vec<BTreeSet<Bytes>>,
    decided_anywhere: BTreeSet<Bytes>,
    leaders: BTreeMap<u64, NodeId>,
    commit: CommitRules,
    register: RegisterHistory,
    subject: PhantomData<S>,
}

impl<S: SystemUnderTest> Checker<S> {
    pub(crate) fn new(experiment: &Experiment) -> Self {
        let n = experiment.setup.nodes;
        let liars = experiment.liars();
        let faulty = experiment.faulty();
        let obliged = |node: &NodeId| {
            // A node with timing faults only, which end, still counts as correct.
            let by_time = |fault: &&quorate_sim::ScheduledNodeFault| {
                let suffers = matches!(
                    fault.fault,
                    NodeFault::Pause | NodeFault::Drift(_) | NodeFault::ClockJump(_)
                );
                suffers && fault.until.is_some_and(|until| until < experiment.end)
            };
            let of_node = experiment.node_faults.iter().filter(|f| f.node == *node);
            let faults: Vec<_> = of_node.filter(|fault| !by_time(fault)).collect();
            let faulty = !faults.is_empty() || experiment.distrusted.contains(*node);
            let over = |fault: &quorate_sim::ScheduledNodeFault| {
                let forgot = matches!(fault.fault, NodeFault::Forget | NodeFault::LieAboutSync);
                fault.until.is_some_and(|until| until < experiment.end) && !forgot
            };
            !liars.contains(*node) && (!faulty || S::RECOVERS && faults.into_iter().all(over))
        };
        Self {
            liars,
            must_decide: NodeId::all(n).filter(obliged).collect(),
            sender_ok: !faulty.contains(NodeId(0)),
            asked: experiment
                .requests
                .iter()
                .map(|a| a.value.clone())
                .collect(),
            wanted: BTreeSet::new(),
            first: BTreeMap::new(),
            distinct: usize::from(experiment.distinct),
            others: BTreeMap::new(),
            logs: vec![DecisionLog::new(); usize::from(n)],
            decided: vec![BTreeSet::new(); usize::from(n)],
            decided_anywhere: BTreeSet::new(),
            leaders: BTreeMap::new(),
            commit: CommitRules::new(experiment),
            register: RegisterHistory::default(),
            subject: PhantomData,
        }
    }

    pub(crate) fn trusts(&self, node: NodeId) -> bool {
        !self.liars.contains(node)
    }

    /// A client asks for a value that must be decided everywhere.
    pub(crate) fn require(&mut self, n: u32) {
        self.wanted.insert(ClientLoad::value(n));
        self.asked.insert(ClientLoad::value(n));
        self.asked.insert(ClientLoad::rival(n));
    }

    /// Has anybody decided it, as far as a client can tell?
    pub(crate) fn is_decided(&self, value: &Bytes) -> bool {
        self.decided_anywhere.contains(value)
    }

    /// Takes in what a node told; says whether it was a decision.
    pub(crate) fn on_output(
        &mut self,
        told: &NodeOutput<<S::Protocol as quorate_core::Protocol>::Output>,
        proposals: &[(NodeId, Bytes)],
    ) -> Result<usize, BrokenProperty> {
        let node = told.node;
        if !self.trusts(node) {
            return Ok(0);
        }
        let decisions = S::decisions(&told.output);
        if S::PROBLEM == Problem::Register {
            return self.on_register(told, decisions);
        }
        let count = decisions.len();
        for decision in decisions {
            let broken = |property, detail| BrokenProperty {
                property,
                detail,
                node,
            };
            let slot = decision.slot;
            let (first, values) = self
                .first
                .entry(slot)
                .or_insert_with(|| (node, decision.values.clone()));
            let others = self.others.entry(slot).or_default();
            if *values != decision.values {
                others.insert(decision.values.clone());
            }
            if *values != decision.values && others.len() >= self.distinct {
                let detail = format!(
                    "{first} decided {}, {node} decides {}{}",
                    format_values(values),
                    format_values(&decision.values),
                    match S::PROPOSERS {
                        Proposers::Clients => format!(", at place {slot}"),
                        _ => String::new(),
                    }
                );
                return Err(broken("agreement", detail));
            }
            for value in &decision.values {
                let valid = match S::PROBLEM {
                    Problem::AtomicCommit => self.commit.check(value, told.at),
                    _ => self.check_valid(value, proposals),
                };
                valid.map_err(|detail| broken("validity", detail))?;
                self.decided_anywhere.insert(value.clone());
                self.decided[node.index()].insert(value.clone());
            }
            let log = &mut self.logs[node.index()];
            log.entry(slot).or_insert((decision.values, told.at));
        }
        Ok(count)
    }

    /// A client asks a node of the register for a write.
    pub(crate) fn begin_write(&mut self, node: NodeId, value: &Bytes) {
        self.register.begin_write(node, value);
    }

    /// A client asks a node of the register for a read.
    pub(crate) fn begin_read(&mut self, node: NodeId, id: u64) {
        self.register.begin_read(node, id);
    }

    /// What a register's clients see must be explained by one order of all reads and writes.
    fn on_register(
        &mut self,
        told: &NodeOutput<<S::Protocol as quorate_core::Protocol>::Output>,
        decisions: Vec<SlotDecision>,
    ) -> Result<usize, BrokenProperty> {
        let node = told.node;
        let mut count = 0;
        let mut holds = Ok(());
        if let Some((id, value)) = S::read_value(&told.output) {
            count += 1;
            holds = self.register.read(id, value.as_ref());
        }
        for SlotDecision { slot, values } in decisions {
            count += 1;
            for value in &values {
                holds = holds.and(self.register.written(value));
                self.decided_anywhere.insert(ClientLoad::without_try(value));
            }
            self.logs[node.index()].insert(slot, (values, told.at));
        }
        match holds {
            Ok(()) => Ok(count),
            Err(detail) => Err(BrokenProperty {
                property: "linearizability",
                detail,
                node,
            }),
        }
    }

    /// Is every value written, or, where clients ask once, everything answered?
    fn is_register_live(&self) -> Result<(), String> {
        let must_answer = |node| self.must_decide.contains(node);
        let asked_once = self.wanted.is_empty();
        let lacks = self.wanted.difference(&self.decided_anywhere).next();
        match (lacks, self.register.owes(must_answer)) {
            (Some(value), _) => Err(format!("{} is not written", format_value(value))),
            (None, Some(node)) if asked_once => Err(format!("{node} owes an answer")),
            _ => Ok(()),
        }
    }

    /// No node decides what was not proposed. Among liars, less can be promised.
    fn check_valid(&self, value: &Bytes, proposals: &[(NodeId, Bytes)]) -> Result<(), String> {
        let is_default = S::DEFAULT == Some(value.as_ref());
        let honest = || proposals.iter().filter(|(node, _)| self.trusts(*node));
        match S::PROPOSERS {
            // The sender is heard by all if it is correct.
            Proposers::Sender if self.sender_ok => match honest().find(|(node, _)| node.0 == 0) {
                Some((sender, said)) if said != value => Err(format!(
                    "{sender} is correct and said {}, and {} is decided",
                    format_value(said),
                    format_value(value)
                )),
                _ => Ok(()),
            },
            _ if self.liars.is_empty() => match self.asked.contains(value) || is_default {
                true => Ok(()),
                false => Err(format!("nobody asked for {}", format_value(value))),
            },
            // If all honest ones begin with the same, that is decided.
            Proposers::AllNodes => {
                let unanimous: BTreeSet<_> = honest().map(|(_, value)| value).collect();
                match unanimous.len() == 1 && !unanimous.contains(value) {
                    true => Err(format!(
                        "all who are honest began with the same, and {} is decided",
                        format_value(value)
                    )),
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// A node says that it leads.
    pub(crate) fn leads(&mut self, node: NodeId, term: u64) -> Result<(), BrokenProperty> {
        if !S::ONE_LEADER_A_TERM || !self.trusts(node) {
            return Ok(());
        }
        let leader = *self.leaders.entry(term).or_insert(node);
        match leader == node {
            true => Ok(()),
            false => Err(BrokenProperty {
                property: "one leader a term",
                detail: format!("{leader} and {node} both lead in term {term}"),
                node,
            }),
        }
    }

    /// Has everybody decided what must be decided?
    ///
    /// # Errors
    /// Who has not, and what.
    pub(crate) fn is_live(&self) -> Result<(), String> {
        if S::PROBLEM == Problem::Register {
            return self.is_register_live();
        }
        let mut missing = String::new();
        for node in self.must_decide.iter() {
            let index = node.index();
            let lacks = match S::PROPOSERS {
                Proposers::Clients => {
                    let lacks: Vec<_> = self.wanted.difference(&self.decided[index]).collect();
                    match lacks.first() {
                        None => continue,
                        Some(first) if lacks.len() == 1 => format_value(first),
                        Some(first) => format!(
                            "{} of {}, {} first",
                            lacks.len(),
                            self.wanted.len(),
                            format_value(first)
                        ),
                    }
                }
                _ if self.logs[index].is_empty() && self.must_decide() => "a decision".to_owned(),
                _ => continue,
            };
            let _ = write!(missing, "{}{node} lacks {lacks}", comma(&missing));
        }
        match missing.is_empty() {
            true => Ok(()),
            false => Err(missing),
        }
    }

    /// With a faulty sender, a reliable broadcast is all or none; everything else ends.
    fn must_decide(&self) -> bool {
        let declared = S::CATALOGUE.declaration();
        let waits = S::PROBLEM == Problem::ReliableBroadcast
            && declared.synchrony == Synchrony::Asynchronous;
        !waits || self.sender_ok || self.logs.iter().any(|log| !log.is_empty())
    }

    pub(crate) fn into_logs(self) -> Vec<DecisionLog> {
        self.logs
    }
}

fn comma(text: &str) -> &'static str {
    if text.is_empty() { "" } else { ", " }
}

/// A value for people.
pub fn format_value(value: &Bytes) -> String {
    let text = String::from_utf8_lossy(value);
    match text.chars().count() > 40 {
        true => format!("{:?}…", text.chars().take(40).collect::<String>()),
        false => format!("{text:?}"),
    }
}

/// Values for people.
pub fn format_values(values: &[Bytes]) -> String {
    match values {
        [] => "nothing".to_owned(),
        [one] => format_value(one),
        many => {
            let shown: Vec<_> = many.iter().take(4).map(format_value).collect();
            let more = many.len() - shown.len();
            match more {
                0 => format!("[{}]", shown.join(", ")),
                _ => format!("[{}, and {more} more]", shown.join(", ")),
            }
        }
    }
}
