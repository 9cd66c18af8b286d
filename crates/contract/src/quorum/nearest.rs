//! The nearest quorum system that holds, where one does not.

use super::counterexample::QuorumNeeds;
use super::size::intersection;
use super::system::{QuorumKind, QuorumSystem};

impl QuorumSystem {
    /// A system of the same replicas that meets the needs, as little changed as was found: other sizes,
    /// fewer witnesses, a threshold in place of a structure; then learners that vote.
    ///
    /// `liars` is how many of the faulty may lie.
    pub fn nearest(&self, needs: &QuorumNeeds, liars: usize) -> Option<QuorumSystem> {
        let (witnesses, learners) = (self.witnesses().len(), self.learners().len());
        let roles = (0..=witnesses)
            .map(|fewer| (witnesses - fewer, learners))
            .chain((0..learners).rev().map(|left| (0, left)));
        for (witnesses, learners) in roles {
            let holding = self
                .kinds(needs, liars, self.replicas() - learners)
                .into_iter()
                .filter_map(|kind| {
                    let zones = self.zones().to_vec();
                    let (witnesses, learners) = (
                        self.witnesses()[..witnesses].to_vec(),
                        self.learners()[..learners].to_vec(),
                    );
                    QuorumSystem::with_roles(kind, self.replicas(), zones, witnesses, learners).ok()
                })
                .find(|system| system.counterexamples(needs).is_empty());
            if holding.is_some() {
                return holding;
            }
        }
        None
    }

    /// What to try, the nearest first.
    fn kinds(&self, needs: &QuorumNeeds, liars: usize, n: usize) -> Vec<QuorumKind> {
        let mut kinds = vec![self.kind().clone()];
        if let QuorumKind::Flexible { read, write } = *self.kind() {
            let most = n.saturating_sub(needs.faults);
            let sizes = (1..=most).flat_map(|r| (1..=most).map(move |w| (r, w)));
            let holds = |(r, w): &(usize, usize)| {
                intersection(n, *r, *w) >= needs.shared
                    && (!needs.among_writes || intersection(n, *w, *w) >= needs.shared)
            };
            let far = |(r, w): &(usize, usize)| {
                // A larger read is the cheaper change: reads of phase 1 are rare.
                (r.abs_diff(read) + w.abs_diff(write), w.abs_diff(write))
            };
            let nearest = sizes.filter(holds).min_by_key(far);
            kinds.extend(nearest.map(|(read, write)| QuorumKind::Flexible { read, write }));
        }
        kinds.push(QuorumKind::Majority);
        if liars > 0 {
            kinds.push(QuorumKind::Dissemination { liars });
            kinds.push(QuorumKind::Masking { liars });
        }
        kinds
    }
}
