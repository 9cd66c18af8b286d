//! Links that lose, double, reorder and are cut.

use super::Adversary;
use quorate_core::{NodeId, NodeSet};
use quorate_sim::{Delay, LinkFault, ScheduledLinkFault};

/// All links lose messages, double some and keep no order.
pub(crate) fn fair_loss(scene: &mut Adversary<'_>, until: Option<u64>) {
    let all = NodeSet::all(scene.nodes);
    let loss = [10_000, 50_000, 150_000][scene.decisions.below(3) as usize];
    let duplicate = [0, 50_000, 200_000][scene.decisions.below(3) as usize];
    let mut trouble = vec![LinkFault::Loss(loss), LinkFault::Duplicate(duplicate)];
    if scene.chance(30) {
        let per_million = scene.chances();
        trouble.push(LinkFault::Garble(per_million / 10));
    }
    for trouble in trouble {
        scene.link_faults.push(ScheduledLinkFault {
            from_nodes: all,
            to_nodes: all,
            fault: trouble,
            from: 0,
            until,
            flapping: None,
        });
    }
}

/// Partitions of all shapes, before time is bounded.
pub(crate) fn wild_partitions(scene: &mut Adversary<'_>, until: u64) {
    for _ in 0..scene.decisions.below(3) {
        let from = scene.moment().min(until / 2);
        let end = match scene.chance(50) {
            true => until,
            false => (from + 2 * scene.span()).min(until),
        };
        let flapping = scene.chance(25).then(|| scene.span() / 4 + 1);
        for (from_nodes, to_nodes) in shape(scene) {
            scene.link_faults.push(ScheduledLinkFault {
                from_nodes,
                to_nodes,
                fault: LinkFault::Cut,
                from,
                until: Some(end),
                flapping,
            });
        }
    }
    if scene.chance(30) {
        let (from_nodes, to_nodes) = (scene.some_nodes(), scene.some_nodes());
        let (max, from) = (scene.span() / 2, scene.moment().min(until));
        scene.link_faults.push(ScheduledLinkFault {
            from_nodes,
            to_nodes,
            fault: LinkFault::Slow(Delay::Uniform { min: 0, max }),
            from,
            until: Some(until),
            flapping: None,
        });
    }
}

/// Which links are cut: from whom to whom.
fn shape(scene: &mut Adversary<'_>) -> Vec<(NodeSet, NodeSet)> {
    let n = scene.nodes;
    let one = |node: NodeId| [node].into_iter().collect::<NodeSet>();
    let without =
        |set: NodeSet| -> NodeSet { NodeId::all(n).filter(|node| !set.contains(*node)).collect() };
    match scene.decisions.below(6) {
        // Two halves, in both directions.
        0 => {
            let part = scene.part_of_nodes();
            vec![(part, without(part)), (without(part), part)]
        }
        // One is heard and does not hear, or the other way round.
        1 => {
            let part = scene.part_of_nodes();
            vec![(part, without(part))]
        }
        // One alone.
        2 => {
            let node = one(scene.any_node());
            vec![(node, without(node)), (without(node), node)]
        }
        // All hear the hub only, and the hub hears all: the quorum is lost for all others
        // (Omni-Paxos, Ng et al. 2023).
        3 => {
            let others = without(one(scene.any_node()));
            vec![(others, others)]
        }
        // The leader is cut off from all nodes but one, and that one hears all.
        4 => {
            let (leader, middle) = (scene.any_node(), scene.any_node());
            let far = without([leader, middle].into_iter().collect());
            vec![(one(leader), far), (far, one(leader))]
        }
        // A chain: each hears its neighbours.
        _ => NodeId::all(n)
            .map(|node| {
                let near = |other: &NodeId| other.0.abs_diff(node.0) > 1;
                (one(node), NodeId::all(n).filter(near).collect())
            })
            .collect(),
    }
}
