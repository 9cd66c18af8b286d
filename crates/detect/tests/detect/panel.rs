//! Several observers: what none of them can see by itself.

use crate::{at, ms};
use quorate_core::{NodeId, NodeSet};
use quorate_detect::Opinion::{Crashed, MaybeFailed, Suspected, Trusted};
use quorate_detect::{Agreement, Finding, Opinion, Panel};

fn set(nodes: &[u8]) -> NodeSet {
    nodes.iter().map(|node| NodeId((*node).into())).collect()
}

fn panel(agreement: Agreement, reports: &[(u8, Opinion)]) -> Panel {
    let mut panel = Panel::new(NodeSet::all(5), agreement, ms(1000));
    for (observer, opinion) in reports {
        assert!(panel.report(at(0), NodeId((*observer).into()), *opinion));
    }
    panel
}

fn finding(agreement: Agreement, reports: &[(u8, Opinion)]) -> Finding {
    panel(agreement, reports).finding(at(10))
}

#[test]
fn healthy_to_one_and_broken_to_another_is_a_gray_failure() {
    let majority = Agreement::Majority;
    assert_eq!(finding(majority, &[]), Finding::Unknown);
    let all = [(0, Trusted), (1, Trusted)];
    assert_eq!(finding(majority, &all), Finding::Healthy);
    let gray = [(0, Trusted), (1, Suspected), (2, MaybeFailed)];
    let (healthy_to, broken_to) = (set(&[0]), set(&[1, 2]));
    assert_eq!(
        finding(majority, &gray),
        Finding::Gray {
            healthy_to,
            broken_to
        }
    );
    // Who has nobody to bear witness may be cut off itself.
    let alone = [(1, Suspected), (2, Suspected)];
    assert_eq!(
        finding(majority, &alone),
        Finding::Unconfirmed { broken_to }
    );
    let failed = [(0, Trusted), (1, Suspected), (2, MaybeFailed), (3, Crashed)];
    let broken_to = set(&[1, 2, 3]);
    assert_eq!(
        finding(majority, &failed),
        Finding::Failed {
            broken_to,
            healthy_to
        }
    );
}

#[test]
fn one_more_than_the_liars_has_an_honest_one_among_them() {
    let two = [(0, Trusted), (1, Suspected), (2, Suspected)];
    let agreed = |liars| {
        let finding = finding(Agreement::OneHonest { liars }, &two);
        matches!(finding, Finding::Failed { .. })
    };
    assert!(agreed(1));
    assert!(!agreed(2));
    assert_eq!(panel(Agreement::Majority, &[]).quorum(), 3);
}

#[test]
fn reports_grow_old_and_strangers_and_the_past_are_not_heard() {
    let mut panel = panel(Agreement::Majority, &[(0, Trusted)]);
    assert!(!panel.report(at(1), NodeId(5), Crashed), "not on the panel");
    assert_eq!(panel.finding(at(1000)), Finding::Healthy);
    assert_eq!(panel.finding(at(1001)), Finding::Unknown);
    assert!(panel.report(at(2000), NodeId(0), Suspected));
    assert!(
        !panel.report(at(1999), NodeId(0), Trusted),
        "older than what is there"
    );
    let broken_to = set(&[0]);
    assert_eq!(panel.finding(at(2000)), Finding::Unconfirmed { broken_to });
}
