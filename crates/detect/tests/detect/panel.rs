//! Several observers: what none of them can see by itself.

use crate::{at, ms};
use quorate_core::{NodeId, NodeSet};
use quorate_detect::ProcessState::{Crashed, MaybeFailed, Suspected, Trusted};
use quorate_detect::{AgreementRule, ProcessState, QuorumDetector, QuorumFinding};

fn set(nodes: &[u8]) -> NodeSet {
    nodes.iter().map(|node| NodeId((*node).into())).collect()
}

fn panel(agreement: AgreementRule, reports: &[(u8, ProcessState)]) -> QuorumDetector {
    let mut panel = QuorumDetector::new(NodeSet::all(5), agreement, ms(1000));
    for (observer, opinion) in reports {
        assert!(panel.report(at(0), NodeId((*observer).into()), *opinion));
    }
    panel
}

fn finding(agreement: AgreementRule, reports: &[(u8, ProcessState)]) -> QuorumFinding {
    panel(agreement, reports).finding(at(10))
}

#[test]
fn healthy_to_one_and_broken_to_another_is_a_gray_failure() {
    let majority = AgreementRule::Majority;
    assert_eq!(finding(majority, &[]), QuorumFinding::Unknown);
    let all = [(0, Trusted), (1, Trusted)];
    assert_eq!(finding(majority, &all), QuorumFinding::Healthy);
    let gray = [(0, Trusted), (1, Suspected), (2, MaybeFailed)];
    let (healthy_to, broken_to) = (set(&[0]), set(&[1, 2]));
    assert_eq!(
        finding(majority, &gray),
        QuorumFinding::Gray {
            healthy_to,
            broken_to
        }
    );
    // Who has nobody to bear witness may be cut off itself.
    let alone = [(1, Suspected), (2, Suspected)];
    assert_eq!(
        finding(majority, &alone),
        QuorumFinding::Unconfirmed { broken_to }
    );
    let failed = [(0, Trusted), (1, Suspected), (2, MaybeFailed), (3, Crashed)];
    let broken_to = set(&[1, 2, 3]);
    assert_eq!(
        finding(majority, &failed),
        QuorumFinding::Failed {
            broken_to,
            healthy_to
        }
    );
}

#[test]
fn one_more_than_the_liars_has_an_honest_one_among_them() {
    let two = [(0, Trusted), (1, Suspected), (2, Suspected)];
    let agreed = |liars| {
        let finding = finding(AgreementRule::OneHonest { liars }, &two);
        matches!(finding, QuorumFinding::Failed { .. })
    };
    assert!(agreed(1));
    assert!(!agreed(2));
    assert_eq!(panel(AgreementRule::Majority, &[]).quorum(), 3);
}

#[test]
fn reports_grow_old_and_strangers_and_the_past_are_not_heard() {
    let mut panel = panel(AgreementRule::Majority, &[(0, Trusted)]);
    assert!(!panel.report(at(1), NodeId(5), Crashed), "not on the panel");
    assert_eq!(panel.finding(at(1000)), QuorumFinding::Healthy);
    assert_eq!(panel.finding(at(1001)), QuorumFinding::Unknown);
    assert!(panel.report(at(2000), NodeId(0), Suspected));
    assert!(
        !panel.report(at(1999), NodeId(0), Trusted),
        "older than what is there"
    );
    let broken_to = set(&[0]);
    assert_eq!(
        panel.finding(at(2000)),
        QuorumFinding::Unconfirmed { broken_to }
    );
}
